-- Writes one checkpoint of one partition: all of it, or nothing.
--
-- KEYS[1]     hash  the partition's main hash (see claim.lua)
-- KEYS[2]     hash  labels that wait for their prediction
-- KEYS[3..]   hash  pending predictions by time slot: first the slots to write, then the slots to drop
-- ARGV[1]     int   generation that saves
-- ARGV[2]     int   number of this save: one more than the stored one, or the same when a save is repeated
-- ARGV[3]     int   number of main field-value pairs
-- ARGV[4]     int   number of main fields to remove
-- ARGV[5]     int   number of waiting labels to remove
-- ARGV[6]     int   number of slots to write
-- ARGV[7]     text  token of the process that saves
-- ARGV[8..]         in this order: main pairs, removed fields, packed pairs of waiting labels, removed waiting keys; then per
--                   slot to write its packed pairs
--
-- Packed pairs are two arguments, since a client takes long over a hundred thousand: the length of each field and each value in
-- turn (4 bytes, little endian), and the bytes of all of them.
--
-- Returns 1 when saved, 0 when another generation or process holds the partition (fenced), -1 when the store is ahead, -2 when the store
-- has lost saves before this one (rolled back), -3 when it holds nothing.
local main, waiting = KEYS[1], KEYS[2]
local holder = redis.call('HGET', main, 'gen')
if not holder then
  return -3
end
local last, sequence = tonumber(redis.call('HGET', main, 'seq') or '0'), tonumber(ARGV[2])
if tonumber(holder) < tonumber(ARGV[1]) and last < sequence then
  -- An earlier holder: our claim is lost, and what we saved after it.
  return -2
end
if holder ~= ARGV[1] or redis.call('HGET', main, 'token') ~= ARGV[7] then
  return 0
end
if last < sequence - 1 then
  return -2
end
if last > sequence then
  return -1
end

-- Lua's stack takes about 8,000 values.
local MOST = 4000
local at = 8
local function in_parts(command, key, count)
  while count > 0 do
    local part = math.min(count, MOST)
    redis.call(command, key, unpack(ARGV, at, at + part - 1))
    at = at + part
    count = count - part
  end
end

local function put_packed(key)
  local lengths, bytes = ARGV[at], ARGV[at + 1]
  at = at + 2
  local done, count, from = 0, #lengths / 4, 1
  while done < count do
    local part = math.min(count - done, MOST)
    local values = {struct.unpack('<' .. string.rep('I4', part), lengths, done * 4 + 1)}
    for index = 1, part do
      local length = values[index]
      values[index] = string.sub(bytes, from, from + length - 1)
      from = from + length
    end
    redis.call('HSET', key, unpack(values, 1, part))
    done = done + part
  end
end

in_parts('HSET', main, tonumber(ARGV[3]) * 2)
in_parts('HDEL', main, tonumber(ARGV[4]))
put_packed(waiting)
in_parts('HDEL', waiting, tonumber(ARGV[5]))
local written = tonumber(ARGV[6])
for slot = 1, written do
  put_packed(KEYS[2 + slot])
end
for slot = 3 + written, #KEYS do
  redis.call('UNLINK', KEYS[slot])
end
local time = redis.call('TIME')
redis.call('HSET', main, 'seq', ARGV[2], 'saved_ms', time[1] * 1000 + math.floor(time[2] / 1000))
return 1
