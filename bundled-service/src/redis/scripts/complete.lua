-- A batch is committed: its totals are set where totals are kept, its pending usage goes.
-- KEYS[1] generation key. ARGV: generation, prefix, partition, epoch, from, to, then for each
-- account: account, count, and count pairs of field, "version:quantity:events". A count of 0 says
-- that the totals are not known: they are forgotten, and read from Postgres when asked for.
local live = redis.call('GET', KEYS[1])
if live ~= ARGV[1] then return {'STALE'} end
local prefix, partition = ARGV[2], ARGV[3]
local epoch = redis.call('HGET', prefix .. 'epoch', partition)
-- Not claimed in this generation yet: then no totals are kept in it either (see load.lua).
if not epoch then return {'OK'} end
if epoch ~= ARGV[4] then return {'FENCED'} end
local entry = partition .. ':' .. ARGV[5]
if redis.call('HGET', prefix .. 'pending', entry) == ARGV[6] then
  local batch = prefix .. 'b:' .. partition .. ':' .. ARGV[6]
  local size = redis.call('HGET', batch, 'size')
  if not size then return {'NIL'} end
  redis.call('DECRBY', prefix .. 'bytes', size)
  redis.call('UNLINK', batch)
  redis.call('HDEL', prefix .. 'pending', entry)
end
local i = 7
while i <= #ARGV do
  local key, count = prefix .. 't:' .. ARGV[i], tonumber(ARGV[i + 1])
  i = i + 2
  if redis.call('EXISTS', key) == 1 then
    if count == 0 then redis.call('DEL', key) end
    for at = i, i + 2 * count - 1, 2 do
      local old = redis.call('HGET', key, ARGV[at])
      local version = tonumber(string.match(ARGV[at + 1], '^%d+'))
      if not old or tonumber(string.match(old, '^%d+')) < version then
        redis.call('HSET', key, ARGV[at], ARGV[at + 1])
      end
    end
  end
  i = i + 2 * count
end
redis.call('HSET', prefix .. 'done', partition, ARGV[6])
return {'OK'}
