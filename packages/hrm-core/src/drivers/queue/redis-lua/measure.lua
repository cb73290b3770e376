-- Tells what is in the queue, and changes nothing. Its cost does not grow with the queue.
--
-- KEYS[1] queue        list
-- KEYS[2] claims       hash: token -> record
-- KEYS[3] processing   list that consumers of the original system leave elements in
-- KEYS[4] dead         stream
-- ARGV[1] now, epoch ms; '' is the server's own time
-- Returns {now_ms, elements queued, readings queued (an estimate), stamp of the oldest queued or -1 where it carries none,
--          mark of the oldest queued, readings of claims alive, readings of ended claims, ended claims, stamp of the oldest
--          ended or -1, ms until a lease ends or -1, dead letters}

local SAMPLED_ELEMENTS = 128
local SAMPLED_BYTES = 262144
local STAMP_WITHIN_BYTES = 1024

local queue, claims, processing = KEYS[1], KEYS[2], KEYS[3]
local now_ms = to_ms(ARGV[1])

-- Exact up to the number sampled; beyond it by the mean of the oldest and the newest.
local function estimate_readings(length)
  local sampled, readings, bytes = 0, 0, 0
  while sampled < length and sampled < SAMPLED_ELEMENTS and bytes < SAMPLED_BYTES do
    local from_end = math.floor(sampled / 2)
    local element = redis.call('LINDEX', queue, sampled % 2 == 0 and from_end or -1 - from_end)
    sampled = sampled + 1
    readings, bytes = readings + size_of(element), bytes + #element
  end
  return sampled == 0 and 0 or math.floor(readings / sampled * length + 0.5)
end

local length = redis.call('LLEN', queue)
local readings = estimate_readings(length)
local head_stamp_ms, head_mark = -1, ''
local head = redis.call('LINDEX', queue, 0)
if head then
  local envelope = envelope_of(head)
  local start = string.sub(head, 1, STAMP_WITHIN_BYTES)
  local received_ms = string.match(start, '"received_ms":%s*(%d+)')
  head_stamp_ms = envelope and envelope.stamp_ms or tonumber(received_ms or -1)
  head_mark = redis.sha1hex(start .. #head)
end
if is_list(processing) then
  local left = redis.call('LLEN', processing)
  length, readings = length + left, readings + left
end

local alive_readings, ended_readings, ended, ended_stamp_ms, next_end_ms = 0, 0, 0, -1, -1
local all = redis.call('HGETALL', claims)
for i = 2, #all, 2 do
  local record = decode_claim(all[i], now_ms)
  if has_ended(record, now_ms) then
    ended, ended_readings = ended + 1, ended_readings + record.readings
    if ended_stamp_ms < 0 or record.stamp_ms < ended_stamp_ms then ended_stamp_ms = record.stamp_ms end
  else
    alive_readings = alive_readings + record.readings
    local left_ms = math.max(0, record.renewed_ms + record.lease_ms - now_ms)
    if next_end_ms < 0 or left_ms < next_end_ms then next_end_ms = left_ms end
  end
end
local dead = redis.call('XLEN', KEYS[4])
return { now_ms, length, readings, head_stamp_ms, head_mark, alive_readings, ended_readings, ended, ended_stamp_ms, next_end_ms, dead }
