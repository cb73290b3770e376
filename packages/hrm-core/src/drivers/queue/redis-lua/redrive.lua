-- Puts dead letters back to the end of the queue, their stamps and attempts with them.
--
-- KEYS[1] queue   list
-- KEYS[2] dead    stream
-- ARGV    ids of the stream
-- Returns how many were there

local count = 0
for _, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  if entry then
    local letter = {}
    for i = 1, #entry[2], 2 do letter[entry[2][i]] = entry[2][i + 1] end
    redis.call('RPUSH', KEYS[1], '#' .. letter.stamp_ms .. ',' .. letter.attempts .. ',1#' .. letter.bytes)
    redis.call('XDEL', KEYS[2], id)
    count = count + 1
  end
end
return count
