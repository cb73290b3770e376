-- Proves that the server takes writes now: it is no replica, its disk and its memory are not full. Leaves nothing.
--
-- KEYS[1] a key of nobody's

redis.call('RPUSH', KEYS[1], '')
redis.call('RPOP', KEYS[1])
return 1
