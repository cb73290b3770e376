-- Forgets the elements of a claim, whatever their number, and keeps what is left of them: dead letters, and elements
-- for the end of the queue.
--
-- KEYS[1] claims   hash: token -> record
-- KEYS[2] batch    list
-- KEYS[3] queue    list
-- KEYS[4] dead     stream
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] token
-- ARGV[3] number of dead letters; then of each: reason, stamp_ms, attempts, bytes; then the elements
-- Returns 1 acknowledged · 0 stale: nothing was changed

if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('UNLINK', KEYS[2])
local now_ms = string.format('%.0f', to_ms(ARGV[1]))
local first_element = 4 + 4 * tonumber(ARGV[3])
for i = 4, first_element - 1, 4 do
  redis.call('XADD', KEYS[4], '*', 'reason', ARGV[i], 'stamp_ms', ARGV[i + 1], 'attempts', ARGV[i + 2], 'dead_ms', now_ms, 'bytes', ARGV[i + 3])
end
for i = first_element, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
return 1
