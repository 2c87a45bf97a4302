-- Takes a partition for an owner.
-- KEYS[1] generation key. ARGV: generation, prefix, partition, epoch, committed, from.
-- Answers {'OK', next, cut…}: the ranges that are pending from `from` on, by their ends.
-- {'GAP'} when a batch was committed without Redis hearing of it, {'AHEAD'} when Redis heard of one
-- that Postgres does not have (any more): totals can't be trusted.
local live = redis.call('GET', KEYS[1])
if live ~= ARGV[1] then return {'STALE'} end
local prefix, partition = ARGV[2], ARGV[3]
local committed, from = tonumber(ARGV[5]), tonumber(ARGV[6])
local epoch = redis.call('HGET', prefix .. 'epoch', partition)
if epoch and tonumber(epoch) > tonumber(ARGV[4]) then return {'FENCED'} end
redis.call('HSET', prefix .. 'epoch', partition, ARGV[4])

local pending = {}
local all = redis.call('HGETALL', prefix .. 'pending')
for i = 1, #all, 2 do
  local p, start = string.match(all[i], '^(%d+):(%d+)$')
  if p == partition then pending[tonumber(start)] = all[i + 1] end
end
local function drop(start, stop)
  local batch = prefix .. 'b:' .. partition .. ':' .. stop
  for _, field in ipairs(redis.call('HKEYS', batch)) do
    if field ~= 'rows' and field ~= 'size' then redis.call('DEL', prefix .. 't:' .. field) end
  end
  redis.call('DECRBY', prefix .. 'bytes', redis.call('HGET', batch, 'size') or 0)
  redis.call('UNLINK', batch)
  redis.call('HDEL', prefix .. 'pending', partition .. ':' .. string.format('%.0f', start))
  pending[start] = nil
end

-- What was committed by an earlier owner who did not come to say so.
local done = redis.call('HGET', prefix .. 'done', partition)
if done and tonumber(done) > committed then return {'AHEAD'} end
if done and tonumber(done) < committed then
  local at = tonumber(done)
  while at < committed do
    local stop = pending[at]
    if not stop then return {'GAP'} end
    drop(at, stop)
    at = tonumber(stop)
  end
  if at ~= committed then return {'GAP'} end
end
if not done or tonumber(done) < committed then
  redis.call('HSET', prefix .. 'done', partition, ARGV[5])
end

local answer = {'OK', ARGV[6]}
local kept = {}
local at = from
while pending[at] do
  kept[at] = true
  answer[#answer + 1] = pending[at]
  answer[2] = pending[at]
  at = tonumber(pending[at])
end
local stray = {}
for start, stop in pairs(pending) do
  if not kept[start] then stray[#stray + 1] = {start, stop} end
end
for _, range in ipairs(stray) do drop(range[1], range[2]) end
redis.call('HSET', prefix .. 'next', partition, answer[2])
return answer
