-- Renews the age of the last save of an idle partition, so that its holder is known to live.
--
-- KEYS[1]  hash  the partition's main hash (see claim.lua)
-- ARGV[1]  int   generation of the holder
-- ARGV[2]  int   number of its last save
-- ARGV[3]  text  token of its process
--
-- Returns 1 when renewed, 0 when another generation or process holds the partition, -2 when the store has lost that save or the claim
-- (rolled back), -3 when the store holds nothing.
local holder = redis.call('HGET', KEYS[1], 'gen')
if not holder then
  return -3
end
local last, sequence = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0'), tonumber(ARGV[2])
if tonumber(holder) < tonumber(ARGV[1]) and last <= sequence then
  return -2
end
if holder ~= ARGV[1] or redis.call('HGET', KEYS[1], 'token') ~= ARGV[3] then
  return 0
end
if last < sequence then
  return -2
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'saved_ms', time[1] * 1000 + math.floor(time[2] / 1000))
return 1
