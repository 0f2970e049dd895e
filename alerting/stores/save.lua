-- Write the changes of one decision, if the writer is still the owner.
--
-- KEYS[1]  {driftbell-router:<group>}:meta, see claim.lua
-- KEYS[2]  ...:entries  hash: fingerprint -> Entry (format byte, msgpack)
-- KEYS[3]  ...:groups   hash: group id -> Group
-- KEYS[4]  ...:lanes    hash: lane id -> Lane (outbox rows and open incidents)
-- KEYS[5]  ...:dead     hash: delivery id -> DeadLetter
-- KEYS[6]  ...:offsets  hash: partition -> next offset, both decimal
--
-- ARGV[1]  generation of the writer, decimal
-- ARGV[2]  number of the last write that it knows to be here, decimal
-- ARGV[3]  number of this write, decimal: higher than that of any before it
-- then for each of KEYS[2..6], in this order:
--   the number of fields to set, that many pairs of field and value,
--   the number of fields to delete, that many fields
--
-- Returns 1 when written; 0 when another router owns the state, or a later write of this one is here already; -1 when the
-- state is of before the last write (a crash lost it). Nothing is written then.

if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  return 0
end
local written = tonumber(redis.call('HGET', KEYS[1], 'written') or '0')
if written < tonumber(ARGV[2]) then
  return -1
end
if written >= tonumber(ARGV[3]) then
  return 0
end

-- unpack() puts its results on Lua's stack, which holds about 8000 values.
local CHUNK = 1000
local at = 4

local function each_chunk(values, command, key)
  for first = 1, values, CHUNK do
    local last = math.min(first + CHUNK - 1, values)
    redis.call(command, key, unpack(ARGV, at + first - 1, at + last - 1))
  end
  at = at + values
end

for index = 2, 6 do
  local set = tonumber(ARGV[at])
  at = at + 1
  each_chunk(set * 2, 'HSET', KEYS[index])
  local gone = tonumber(ARGV[at])
  at = at + 1
  each_chunk(gone, 'HDEL', KEYS[index])
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'saved_ms', string.format('%.0f', now), 'written', ARGV[3])
return 1
