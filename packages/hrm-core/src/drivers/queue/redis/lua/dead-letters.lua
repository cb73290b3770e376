-- Lists dead letters by id, ascending.
--
-- KEYS[1] dead    stream
-- ARGV[1] first id, '-' for the oldest, '(id' for the one after it; ARGV[2] last id, '+' for the newest
-- ARGV[3] most dead letters
-- ARGV[4] bytes of this call: with the dead letter that reaches them it ends
-- Returns the stream's entries

local from, entries, bytes = ARGV[1], {}, 0
while #entries < tonumber(ARGV[3]) and bytes < tonumber(ARGV[4]) do
  local entry = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', 1)[1]
  if not entry then break end
  for _, field in ipairs(entry[2]) do bytes = bytes + #field end
  entries[#entries + 1] = entry
  from = '(' .. entry[1]
end
return entries
