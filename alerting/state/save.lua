-- Write the changes of one decision, or the whole state, if the writer is still the owner.
--
-- KEYS[1]  {driftbell-router:<group>}:meta, see claim.lua
-- KEYS[2]  ...:entries  hash: fingerprint -> Entry (format byte, msgpack)
-- KEYS[3]  ...:groups   hash: group id -> Group
-- KEYS[4]  ...:lanes    hash: queue id -> DeliveryQueue (outbox rows and open incidents)
-- KEYS[5]  ...:dead     hash: delivery id -> DeadDelivery
-- KEYS[6]  ...:offsets  hash: partition -> next offset, both decimal
-- KEYS[7]  ...:silences hash: silence id -> Silence
-- KEYS[8]  ...:answers  hash: command id -> Answer
-- KEYS[9]  ...:destinations  hash: destination id -> KnownDestination
-- KEYS[10] ...:timelines     hash: group id -> Timeline
--
-- ARGV[1]  generation of the writer, decimal
-- ARGV[2]  number of the last write that it knows to be here, decimal
-- ARGV[3]  number of this write, decimal: higher than that of any before it
-- ARGV[4]  1 when this is the whole state: what is here is replaced. 0 when these are changes.
-- then for each of KEYS[2..], in this order:
--   the number of fields to set, that many pairs of field and value,
--   the number of fields to delete, that many fields
--
-- Returns 1 when written; 0 when another router owns the state, or a later write of this one is here already; -1 when the
-- state is of before the last write (a crash lost it) and these are only changes. Nothing is written then.

local stored = redis.call('HMGET', KEYS[1], 'generation', 'written')
local written = tonumber(stored[2] or '0')
local lost = written < tonumber(ARGV[2])
-- A state that went back may be of before this owner's claim.
local ours = stored[1] == ARGV[1] or (lost and tonumber(stored[1] or '-1') < tonumber(ARGV[1]))
if not ours or written >= tonumber(ARGV[3]) then
  return 0
end
local whole = ARGV[4] == '1'
if lost and not whole then
  return -1
end
if whole then
  redis.call('DEL', unpack(KEYS, 2, #KEYS))
end

-- unpack() puts its results on Lua's stack, which holds about 8000 values.
local CHUNK = 1000
local at = 5

local function each_chunk(values, command, key)
  for first = 1, values, CHUNK do
    local last = math.min(first + CHUNK - 1, values)
    redis.call(command, key, unpack(ARGV, at + first - 1, at + last - 1))
  end
  at = at + values
end

for index = 2, #KEYS do
  local set = tonumber(ARGV[at])
  at = at + 1
  each_chunk(set * 2, 'HSET', KEYS[index])
  local gone = tonumber(ARGV[at])
  at = at + 1
  each_chunk(gone, 'HDEL', KEYS[index])
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'saved_ms', string.format('%.0f', now), 'format', '1', 'written', ARGV[3])
return 1
