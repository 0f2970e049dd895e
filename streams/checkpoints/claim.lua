-- Takes a partition for a consumer generation and returns its checkpoint.
--
-- KEYS[1]  hash  the partition's main hash:
--          gen         generation of the holder          owner     who holds it, for people
--          saved_ms    server time of the last save      v         layout version of these keys
--          off:<input> next offset per input             core      blob of the partition itself
--          m:<model>   blob per model                    outbox    blob of records to publish
--          seq         number of the last save           token     of the process that holds it
-- KEYS[2]  hash  labels that wait for their prediction: key -> packed label
-- ARGV[1]  int   generation that claims
-- ARGV[2]  text  owner that claims
-- ARGV[3]  int   milliseconds after whose silence a later generation no longer counts (the group was reset)
-- ARGV[4]  text  token of the process that claims: a static member that takes over from another comes in the same generation
--
-- Returns {outcome, holder generation, age of the last save in ms, main as field-value list, waiting as field-value list};
-- outcome is 1 when claimed, 0 when a later generation holds the partition (then the lists are empty).
local generation = tonumber(ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local holder = tonumber(redis.call('HGET', KEYS[1], 'gen') or '0')
local age_ms = now_ms - tonumber(redis.call('HGET', KEYS[1], 'saved_ms') or now_ms)
if holder > generation and age_ms < tonumber(ARGV[3]) then
  return {0, holder, age_ms, {}, {}}
end
redis.call('HSET', KEYS[1], 'gen', ARGV[1], 'owner', ARGV[2], 'token', ARGV[4])
return {1, holder, age_ms, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
