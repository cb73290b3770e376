-- Tells what is in the queue, and counts some of what nobody has counted yet. Its cost does not grow with the queue: what was
-- counted once is known.
--
-- KEYS[1] queue        list
-- KEYS[2] claims       hash: token -> record
-- KEYS[3] processing   list that consumers of the original system leave elements in
-- KEYS[4] dead         stream
-- KEYS[5] count        hash: see shared.lua
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] most elements to count, ARGV[3] most bytes of them; with 0 nothing is changed
-- Returns {now_ms, elements queued, readings queued, stamp of the oldest queued or -1 where it carries none,
--          mark of the oldest queued, readings of claims alive, readings of ended claims, ended claims, stamp of the oldest
--          ended or -1, ms until a lease ends or -1, dead letters, elements not counted: their readings are an estimate}

local SAMPLED_ELEMENTS = 64
local SAMPLED_BYTES = 1048576
local GOLDEN_SECTION = 0.61803398875
local STAMP_WITHIN_BYTES = 1024
local MAX_PAGE_ELEMENTS = 512
local PAGE_BYTES = 65536

local queue, claims, processing = KEYS[1], KEYS[2], KEYS[3]
local now_ms, max_elements, max_bytes = to_ms(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- The elements of a page are copied at once: of short ones many, of long ones few.
local function extend(count, length)
  local elements, bytes, page_elements = 0, 0, 1
  while count.elements < length and elements < max_elements and bytes < max_bytes do
    local page = redis.call('LRANGE', queue, count.elements, count.elements + page_elements - 1)
    for _, element in ipairs(page) do
      count.elements, count.readings = count.elements + 1, count.readings + size_of(element)
      bytes = bytes + #element
    end
    elements = elements + #page
    page_elements = math.max(1, math.min(MAX_PAGE_ELEMENTS, max_elements - elements, math.floor(PAGE_BYTES * elements / bytes)))
  end
end

-- Of elements from one on to the end, by some of them. However few the bytes allow, steps of the golden section spread them.
local function estimate_readings(from, length)
  local left = length - from
  local sampled, readings, bytes = 0, 0, 0
  while sampled < left and sampled < SAMPLED_ELEMENTS and bytes < SAMPLED_BYTES do
    local place = left <= SAMPLED_ELEMENTS and sampled or math.floor(left * ((sampled * GOLDEN_SECTION) % 1))
    local element = redis.call('LINDEX', queue, from + place)
    sampled = sampled + 1
    readings, bytes = readings + size_of(element), bytes + #element
  end
  return sampled == 0 and 0 or math.floor(readings / sampled * left + 0.5)
end

local length = redis.call('LLEN', queue)
local count = read_count(KEYS[5], queue)
local was_counted = count.elements
if max_elements > 0 then extend(count, length) end
if count.elements > was_counted then write_count(KEYS[5], queue, count) end
local uncounted = length - count.elements
local readings = count.readings + estimate_readings(count.elements, length)
local head_stamp_ms, head_mark = -1, ''
local head = redis.call('LINDEX', queue, 0)
if head then
  local envelope, columns = envelope_of(head), columns_of(head)
  local received_ms = string.match(string.sub(head, 1, STAMP_WITHIN_BYTES), '"received_ms":%s*(%d+)')
  head_stamp_ms = envelope and envelope.stamp_ms or columns and columns.received_ms or tonumber(received_ms or -1)
  head_mark = mark_of(head)
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
return { now_ms, length, readings, head_stamp_ms, head_mark, alive_readings, ended_readings, ended, ended_stamp_ms, next_end_ms, dead, uncounted }
