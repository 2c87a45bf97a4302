-- Stores a packed batch and its usage: from here on readers see it.
-- KEYS[1] generation key. ARGV: generation, prefix, partition, epoch, from, to, size, cap, rows,
-- then account, deltas, account, deltas …
-- Answers {'OK'}, {'FULL'} (next moves on, nothing is kept), {'NEXT', next}, {'STALE'}, {'FENCED'}
-- or {'NIL'} where something is missing that must be there.
local live = redis.call('GET', KEYS[1])
if live ~= ARGV[1] then return {'STALE'} end
local prefix, partition = ARGV[2], ARGV[3]
local epoch = redis.call('HGET', prefix .. 'epoch', partition)
local next = redis.call('HGET', prefix .. 'next', partition)
if not epoch or not next then return {'NIL'} end
if epoch ~= ARGV[4] then return {'FENCED'} end
if next ~= ARGV[5] then return {'NEXT', next} end
redis.call('HSET', prefix .. 'next', partition, ARGV[6])
local bytes = tonumber(redis.call('GET', prefix .. 'bytes') or '0')
if bytes + tonumber(ARGV[7]) > tonumber(ARGV[8]) then return {'FULL'} end
local batch = prefix .. 'b:' .. partition .. ':' .. ARGV[6]
redis.call('HSET', batch, 'size', ARGV[7], 'rows', ARGV[9])
for i = 10, #ARGV, 4000 do
  redis.call('HSET', batch, unpack(ARGV, i, math.min(i + 3999, #ARGV)))
end
redis.call('HSET', prefix .. 'pending', partition .. ':' .. ARGV[5], ARGV[6])
redis.call('INCRBY', prefix .. 'bytes', ARGV[7])
return {'OK'}
