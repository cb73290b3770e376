-- Appends elements to the queue, and to its feed while somebody watches: in one step, so that no element is in one of them only.
--
-- KEYS[1] queue   list
-- KEYS[2] feed    stream: an entry an element, field b
-- KEYS[3] watch   hash: until_ms, warm_ms, first, next, bytes; see watch.lua
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] how long a mark lasts, ms
-- ARGV[3] bytes in the feed, at most
-- ARGV[4] entries in it, at most
-- ARGV[5] queue: to both; feed: to the feed alone, of a queue that is elsewhere; gap: the same, and what is in the feed is dropped first
-- ARGV[6..] elements
-- Returns 1 where somebody watches, 0 where nobody does

local UNPACKED = 4000
local PAGE = 16
local queue, feed, watch = KEYS[1], KEYS[2], KEYS[3]
local max_bytes, max_entries = tonumber(ARGV[3]), tonumber(ARGV[4])

if ARGV[5] == 'queue' then
  for i = 6, #ARGV, UNPACKED do
    redis.call('RPUSH', queue, unpack(ARGV, i, math.min(#ARGV, i + UNPACKED - 1)))
  end
end
local state = redis.call('HMGET', watch, 'until_ms', 'first', 'bytes')
if not is_watched(state[1], to_ms(ARGV[1]), tonumber(ARGV[2])) then return 0 end

local first, bytes, last = state[2], tonumber(state[3]), nil
if ARGV[5] == 'gap' then
  first, bytes = next_id(redis.call('XADD', feed, '*', 'b', '')), 0
  redis.call('XTRIM', feed, 'MAXLEN', 0)
end
for i = 6, #ARGV do
  last = redis.call('XADD', feed, '*', 'b', ARGV[i])
  bytes = bytes + #ARGV[i]
end
local entries = redis.call('XLEN', feed)
while entries > 0 and (bytes > max_bytes or entries > max_entries) do
  for _, entry in ipairs(redis.call('XRANGE', feed, '-', '+', 'COUNT', PAGE)) do
    if bytes <= max_bytes and entries <= max_entries then break end
    first = next_id(entry[1])
    bytes = bytes - #entry[2][2]
    entries = entries - 1
  end
  redis.call('XTRIM', feed, 'MINID', first)
end
redis.call('HSET', watch, 'first', first, 'next', next_id(last), 'bytes', bytes)
return 1
