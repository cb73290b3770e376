-- Lets pushes be recorded in the feed for a while. Of a queue that nobody watched the feed begins anew: what was pushed
-- meanwhile is not in it.
--
-- The hash: until_ms when recording ends; warm_ms when every process has seen that it began; first and next, ids: every
-- push from the one and before the other is in the feed; bytes of the elements in it.
--
-- KEYS[1] feed    stream
-- KEYS[2] watch   hash
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] how long the mark lasts, ms
-- ARGV[3] how long it takes until every process has seen it, ms
-- Returns {next, ms until every process has seen it}

local feed, watch = KEYS[1], KEYS[2]
local now_ms, watch_ms = to_ms(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', watch, 'until_ms', 'warm_ms', 'next')
local warm_ms, next = tonumber(state[2] or 0), state[3]
if not is_watched(state[1], now_ms, watch_ms) then
  -- An id after all that the stream ever had; without its entries it keeps its last id.
  next = next_id(redis.call('XADD', feed, '*', 'b', ''))
  redis.call('XTRIM', feed, 'MAXLEN', 0)
  warm_ms = now_ms + tonumber(ARGV[3])
  redis.call('HSET', watch, 'warm_ms', warm_ms, 'first', next, 'next', next, 'bytes', 0)
end
redis.call('HSET', watch, 'until_ms', now_ms + watch_ms)
-- When nobody watches any more, both go.
redis.call('PEXPIRE', watch, watch_ms)
redis.call('PEXPIRE', feed, watch_ms)
return { next, math.max(0, warm_ms - now_ms) }
