-- Ends a lease now. The batch goes to a token that nobody has, so that its old one is void at once.
--
-- KEYS[1] claims         hash: token -> record
-- KEYS[2] batch          list
-- KEYS[3] nobody's batch list
-- ARGV[1] token
-- ARGV[2] nobody's token
-- Returns 1 released · 0 stale

local record = read_claim(KEYS[1], ARGV[1], to_ms(''))
if not record then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 0 then return 1 end
redis.call('RENAME', KEYS[2], KEYS[3])
record.lease_ms, record.open = 0, false
write_claim(KEYS[1], ARGV[2], record)
return 1
