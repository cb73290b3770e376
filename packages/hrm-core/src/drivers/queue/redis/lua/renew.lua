-- Lets a lease start anew.
--
-- KEYS[1] claims   hash: token -> record
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] token
-- ARGV[3] lease, ms
-- Returns 1 renewed · 0 stale

local now_ms = to_ms(ARGV[1])
local record = read_claim(KEYS[1], ARGV[2], now_ms)
if not record then return 0 end
record.renewed_ms, record.lease_ms = now_ms, tonumber(ARGV[3])
write_claim(KEYS[1], ARGV[2], record)
return 1
