-- One account's totals and what is pending for it.
-- KEYS[1] generation key. ARGV: generation, prefix, account, seconds that totals live on.
-- Answers {'OK', {field, value …}, {partition, to, deltas, …}}, {'STALE'} or {'NIL'}.
local live = redis.call('GET', KEYS[1])
if live ~= ARGV[1] then return {'STALE'} end
local prefix, account = ARGV[2], ARGV[3]
local totals = redis.call('HGETALL', prefix .. 't:' .. account)
if #totals > 0 then redis.call('EXPIRE', prefix .. 't:' .. account, ARGV[4]) end
local found = {}
local all = redis.call('HGETALL', prefix .. 'pending')
for i = 1, #all, 2 do
  local partition = string.match(all[i], '^%d+')
  local batch = prefix .. 'b:' .. partition .. ':' .. all[i + 1]
  local values = redis.call('HMGET', batch, 'size', account)
  if not values[1] then return {'NIL'} end
  if values[2] then
    found[#found + 1] = partition
    found[#found + 1] = all[i + 1]
    found[#found + 1] = values[2]
  end
end
return {'OK', totals, found}
