-- Keeps totals that a reader fetched from Postgres, unless a batch was committed since.
-- KEYS[1] generation key. ARGV: generation, prefix, account, seconds to live, number of
-- watermarks, then partition, watermark …, then field, value …
local live = redis.call('GET', KEYS[1])
if live ~= ARGV[1] then return {'STALE'} end
local prefix, key = ARGV[2], ARGV[2] .. 't:' .. ARGV[3]
local count = tonumber(ARGV[5])
for i = 6, 5 + 2 * count, 2 do
  local done = redis.call('HGET', prefix .. 'done', ARGV[i])
  if not done or tonumber(done) > tonumber(ARGV[i + 1]) then return {'LATE'} end
end
redis.call('DEL', key)
redis.call('HSET', key, unpack(ARGV, 6 + 2 * count, #ARGV))
redis.call('EXPIRE', key, ARGV[4])
return {'OK'}
