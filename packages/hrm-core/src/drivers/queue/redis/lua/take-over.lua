-- Gives a claim whose lease ended to another token, whole and whatever its size.
--
-- KEYS[1] claims      hash: token -> record
-- KEYS[2] old batch   list
-- KEYS[3] new batch   list
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] old token, ARGV[3] new token
-- ARGV[4] lease, ms
-- Returns 1 it is the new token's (also when the call is repeated) · 0 it is not there any more, or alive again

local claims, old_batch, new_batch = KEYS[1], KEYS[2], KEYS[3]
local now_ms, old, new = to_ms(ARGV[1]), ARGV[2], ARGV[3]

if redis.call('HEXISTS', claims, new) == 1 then return 1 end
local record = read_claim(claims, old, now_ms)
if not record or not has_ended(record, now_ms) then return 0 end
-- Somebody deleted its elements by hand.
if redis.call('EXISTS', old_batch) == 0 then
  redis.call('HDEL', claims, old)
  return 0
end
record.renewed_ms, record.lease_ms = now_ms, tonumber(ARGV[4])
record.attempts, record.open = record.attempts + 1, false
-- First of all what can fail, and nothing is overwritten: where somebody deleted the new token's record by hand, its
-- elements get one again, and the old claim stays for the next call.
write_claim(claims, new, record)
if redis.call('RENAMENX', old_batch, new_batch) == 1 then redis.call('HDEL', claims, old) end
return 1
