-- Reads the feed, and changes nothing.
--
-- KEYS[1] feed    stream
-- KEYS[2] watch   hash; see watch.lua
-- ARGV[1] id from which on
-- ARGV[2] bytes after which the rest is left for the next read
-- Returns {} where nobody watches, or {first, next, id to go on from, id, element, id, element, ...}

local PAGE = 16
local from, max_bytes = ARGV[1], tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[2], 'first', 'next')
if not state[1] then return {} end

local reply = { state[1], state[2], state[2] }
local bytes = 0
while bytes <= max_bytes do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', PAGE)
  for _, entry in ipairs(page) do
    reply[#reply + 1], reply[#reply + 2] = entry[1], entry[2][2]
    from = next_id(entry[1])
    bytes = bytes + #entry[2][2]
  end
  if #page < PAGE then return reply end
end
reply[3] = from
return reply
