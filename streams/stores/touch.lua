-- Renews the age of the last save of an idle partition, so that its holder is known to live.
--
-- KEYS[1]  hash  the partition's main hash (see claim.lua)
-- ARGV[1]  int   generation of the holder
--
-- Returns 1 when renewed, 0 when another generation holds the partition, -3 when the store holds nothing.
local holder = redis.call('HGET', KEYS[1], 'gen')
if not holder then
  return -3
end
if holder ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'saved_ms', time[1] * 1000 + math.floor(time[2] / 1000))
return 1
