-- Become the owner of a router group's state.
--
-- KEYS[1]  {driftbell-router:<group>}:meta, a hash:
--            generation  consumer generation of the owner, decimal
--            saved_ms    when the owner last wrote, epoch milliseconds of this server
--            format      layout of the keys, decimal; 1
--            written     number of the last write, decimal
--
-- ARGV[1]  generation of the claimer, decimal
-- ARGV[2]  milliseconds after which an owner that has not written is taken to be gone even if its generation is higher
--          (a consumer group that was deleted or has expired counts from 1 again)
--
-- Returns {1, <number of the last write>} when claimed, {0, <generation of the owner>} when not, {-1, <format>} when the layout is newer.

local stored = redis.call('HMGET', KEYS[1], 'generation', 'saved_ms', 'format')
if tonumber(stored[3] or '1') > 1 then
  return {-1, stored[3]}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local newer = tonumber(stored[1] or '0') > tonumber(ARGV[1])
if newer and now - tonumber(stored[2] or '0') < tonumber(ARGV[2]) then
  return {0, stored[1]}
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'saved_ms', string.format('%.0f', now), 'format', '1')
return {1, redis.call('HGET', KEYS[1], 'written') or '0'}
