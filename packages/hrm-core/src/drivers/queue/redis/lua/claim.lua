-- Moves the oldest elements of the queue into the list of a claim, and gives those that the caller has not got yet. To be
-- called again and again until it says that the batch is whole: each call moves and gives a bounded number of bytes.
-- A call that is repeated, since its reply was lost, gives the same elements again and strands nothing.
--
-- KEYS[1] queue        list
-- KEYS[2] claims       hash: token -> record
-- KEYS[3] batch        list of this token's elements
-- KEYS[4] processing   list that consumers of the original system leave elements in
-- KEYS[5] count        hash: see shared.lua
-- ARGV[1] now, epoch ms; '' is the server's own time
-- ARGV[2] token
-- ARGV[3] lease, ms
-- ARGV[4] elements that the caller has
-- ARGV[5] most readings, ARGV[6] most bytes, ARGV[7] most elements of the whole batch
-- ARGV[8] bytes of this call: with the element that reaches them it ends
-- Returns {'empty'} nothing to claim · {'ended', token} take that claim over first · {'stale'} taken over by somebody else ·
--         {'batch', whole 0 or 1, stamp_ms, attempts, {element…}}

local RESTORED_ELEMENTS = 1000

local queue, claims, batch, processing, count_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now_ms, token, lease_ms, received = to_ms(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local max_readings, max_bytes, max_elements = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local call_bytes = tonumber(ARGV[8])

local function oldest_ended()
  local oldest, since_ms
  local all = redis.call('HGETALL', claims)
  for i = 1, #all, 2 do
    local record = decode_claim(all[i + 1], now_ms)
    local is_older = not oldest or record.since_ms < since_ms or (record.since_ms == since_ms and all[i] < oldest)
    if has_ended(record, now_ms) and is_older then oldest, since_ms = all[i], record.since_ms end
  end
  return oldest
end

-- Undoes BRPOPLPUSH, which took from the right what RPUSH had put there, so that they stand where they stood.
local function restore_processing()
  if not is_list(processing) then return end
  for _ = 1, RESTORED_ELEMENTS do
    if not redis.call('LMOVE', processing, queue, 'LEFT', 'RIGHT') then return end
  end
end

-- Moves the oldest, one by one and not by LRANGE and RPUSH: the append-only file and the replicas get the commands, and of
-- LMOVE those carry no element. One too many goes back.
local function move(record, held, elements)
  local count = read_count(count_key, queue)
  local call, readings, bytes, moved_bytes = redis.call, record.readings, record.bytes, 0
  while moved_bytes < call_bytes do
    local element = call('LMOVE', queue, batch, 'LEFT', 'RIGHT')
    if not element then
      record.open = false
      break
    end
    local more_readings, more_bytes = size_of(element)
    held = held + 1
    if held > 1 and (readings + more_readings > max_readings or bytes + more_bytes > max_bytes or held > max_elements) then
      call('LMOVE', batch, queue, 'RIGHT', 'LEFT')
      record.open = false
      break
    end
    readings, bytes, moved_bytes = readings + more_readings, bytes + more_bytes, moved_bytes + #element
    elements[#elements + 1] = element
    if count.elements > 0 then count.elements, count.readings = count.elements - 1, count.readings - more_readings end
  end
  record.readings, record.bytes = readings, bytes
  if count.is_stored then write_count(count_key, queue, count) end
end

-- What was moved before: by a call whose reply was lost, or by another consumer.
local function read(elements)
  local read_bytes = 0
  while read_bytes < call_bytes do
    local element = redis.call('LINDEX', batch, received + #elements)
    if not element then return end
    read_bytes = read_bytes + #element
    elements[#elements + 1] = element
  end
end

local record = read_claim(claims, token, now_ms)
if not record then
  if received > 0 then return { 'stale' } end
  local ended = oldest_ended()
  if ended then return { 'ended', ended } end
  restore_processing()
  if redis.call('LLEN', queue) == 0 then return { 'empty' } end
  record = { since_ms = now_ms, stamp_ms = now_ms, attempts = 1, readings = 0, bytes = 0, open = true }
end
record.renewed_ms, record.lease_ms = now_ms, lease_ms
local held = redis.call('LLEN', batch)
-- First of all, so that a script that is stopped half-way leaves a claim that ends, and no list without one.
write_claim(claims, token, record)
local elements = {}
if record.open and held == received then move(record, held, elements) else read(elements) end
write_claim(claims, token, record)
local is_whole = not record.open and received + #elements >= redis.call('LLEN', batch)
return { 'batch', is_whole and 1 or 0, record.stamp_ms, record.attempts, elements }
