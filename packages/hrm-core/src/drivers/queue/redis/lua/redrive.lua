-- Puts dead letters back to the end of the queue, their stamps and attempts with them.
--
-- KEYS[1] queue   list
-- KEYS[2] dead    stream
-- ARGV[1] bytes of this call: with the dead letter that reaches them it ends
-- ARGV    then ids of the stream
-- Returns {ids done with, dead letters put back}; what is not there, or carries no bytes, is skipped

local count, bytes, last = 0, 0, 1
while last < #ARGV and bytes < tonumber(ARGV[1]) do
  last = last + 1
  local entry = redis.call('XRANGE', KEYS[2], ARGV[last], ARGV[last])[1]
  local deadLetter = {}
  for i = 1, entry and #entry[2] or 0, 2 do deadLetter[entry[2][i]] = entry[2][i + 1] end
  if deadLetter.bytes then
    local head = '#' .. (deadLetter.stamp_ms or string.match(entry[1], '^%d+')) .. ',' .. (deadLetter.attempts or 1) .. ',1#'
    redis.call('RPUSH', KEYS[1], head .. deadLetter.bytes)
    redis.call('XDEL', KEYS[2], ARGV[last])
    count, bytes = count + 1, bytes + #deadLetter.bytes
  end
end
return { last - 1, count }
