-- Shows the oldest elements of the queue, and changes nothing.
--
-- KEYS[1] queue   list
-- ARGV[1] most elements
-- ARGV[2] bytes of this call: with the element that reaches them it ends
-- Returns {element, readings, element, readings, …}

local shown, bytes = {}, 0
for at = 0, tonumber(ARGV[1]) - 1 do
  local element = bytes < tonumber(ARGV[2]) and redis.call('LINDEX', KEYS[1], at)
  if not element then break end
  shown[#shown + 1], shown[#shown + 2] = element, (size_of(element))
  bytes = bytes + #element
end
return shown
