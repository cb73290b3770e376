-- Put in front of every script. No script declares KEYS or ARGV of its own here.
--
-- A claim is a record in the hash of claims (token -> JSON) and a list of its elements. The record:
--   since_ms    when the batch was first claimed: claims are taken over in this order
--   renewed_ms, lease_ms   the lease: it ends at their sum
--   stamp_ms    received_ms of readings that carry none; kept through take-over
--   attempts    deliveries so far, this one included
--   readings, bytes        of its elements, by size_of
--   open        whether the claim still takes elements from the queue

-- Milliseconds since the epoch: those given, or the server's own, which all consumers share whatever their clocks say.
local function to_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Of an element: the contract's bound. What says that it has more must not make the queue look full.
local MAX_READINGS = 1000

-- A lease that never ends is none, milliseconds.
local MAX_LEASE_MS = 1e12

local RECORD_NUMBERS = { 'since_ms', 'renewed_ms', 'lease_ms', 'stamp_ms', 'attempts', 'readings', 'bytes' }

-- What is no record, since somebody wrote it by hand, is a claim that ended: it must not be in the way of all others.
local function decode_claim(json, now_ms)
  local is_json, record = pcall(cjson.decode, json)
  local is_record = is_json and type(record) == 'table'
  for _, name in ipairs(RECORD_NUMBERS) do is_record = is_record and type(record[name]) == 'number' end
  if is_record and record.lease_ms < MAX_LEASE_MS then return record end
  return { since_ms = 0, renewed_ms = 0, lease_ms = 0, stamp_ms = now_ms, attempts = 1, readings = 1, bytes = 1, open = false }
end

local function read_claim(claims, token, now_ms)
  local json = redis.call('HGET', claims, token)
  return json and decode_claim(json, now_ms)
end

local function write_claim(claims, token, record)
  redis.call('HSET', claims, token, cjson.encode(record))
end

-- A lease that began further in the future than it lasts was begun before the clock was set back: it ends too.
local function has_ended(record, now_ms)
  local held_ms = now_ms - record.renewed_ms
  return held_ms >= record.lease_ms or held_ms < -record.lease_ms
end

-- What an element says of itself, where it came back to the queue: '#stamp,attempts,readings#' before its bytes.
local function envelope_of(element)
  local head, stamp, attempts, readings = string.match(element, '^(#(%d+),(%d+),(%d+)#)')
  if not head or #stamp > 15 or #attempts > 9 or #readings > 9 then return nil end
  return { length = #head, stamp_ms = tonumber(stamp), readings = math.min(MAX_READINGS, tonumber(readings)) }
end

-- What columns say of themselves, in whatever version: how many readings they are, and when the first was received, epoch ms.
-- docs/reference/queue-format.md has the bytes.
local function columns_of(element)
  if string.sub(element, 1, 4) ~= '\137HRM' or #element < 13 then return nil end
  local low, high = string.byte(element, 6, 7)
  local received_ms = 0
  for at = 13, 8, -1 do received_ms = received_ms * 256 + string.byte(element, at) end
  return { readings = low + 256 * high, received_ms = received_ms }
end

-- Objects of an array that is written the same way all along, as JSON.stringify (and our producers) or Python's json.dumps
-- write one: by what stands between two of them. No id can hold that, since a quote in it has a backslash in front.
local function count_objects(element, head)
  local separator = (string.sub(head, -1) == ' ' and '}, ' or '},') .. head
  local find, at, objects = string.find, 1, 1
  while true do
    at = find(element, separator, at, true)
    if not at then return objects end
    at, objects = at + #separator, objects + 1
  end
end

-- Readings in an element, without decoding it, and its bytes without what it says of itself. Exact for one reading, for columns,
-- and for an array as our producers write it. Of one that begins otherwise its length over that of its first object: exact where all
-- are of one length. The same bytes always give the same number: what was counted of an element is what a claim takes away.
local function size_of(element)
  local first = string.byte(element)
  if first == 35 then
    local envelope = envelope_of(element)
    if envelope then return envelope.readings, #element - envelope.length end
  elseif first == 91 then
    local head = string.match(element, '^%[({"[%w_]+": ?)')
    local first_end = string.find(element, '}', 2, true)
    local objects = head and count_objects(element, head) or first_end and math.floor((#element - 1) / first_end + 0.5) or 1
    return math.max(1, math.min(MAX_READINGS, objects)), #element
  elseif first == 137 then
    local columns = columns_of(element)
    if columns then return math.max(1, math.min(MAX_READINGS, columns.readings)), #element end
  end
  return 1, #element
end

local function is_list(key)
  return redis.call('TYPE', key).ok == 'list'
end

-- The least id of a stream after another.
local function next_id(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

-- A mark much further in the future than one can be was made before the clock was set back.
local function is_watched(until_ms, now_ms, watch_ms)
  local left_ms = tonumber(until_ms or 0) - now_ms
  return left_ms > 0 and left_ms <= 2 * watch_ms
end

-- The count: how many readings are in the oldest elements of the queue. Nobody who pushes has to keep it: what is pushed is
-- at the end, and counted later (count.lua). Who claims takes away what it moves. A program that takes elements itself, or a
-- process of a version without the count, does not; so the count names the first and the last element that it is about,
-- and where another stands there it says nothing any more, and counting begins anew. A hash, which is not there while
-- nothing is counted:
--   elements, readings   how many were counted, from the oldest on, and what is in them
--   head, last           marks of the first and of the last of them

-- Bytes of an element's start that tell it from others.
local MARKED_BYTES = 1024

local function mark_of(element)
  return redis.sha1hex(string.sub(element, 1, MARKED_BYTES) .. #element)
end

local function is_marked(queue, index, mark)
  local element = redis.call('LINDEX', queue, index)
  return element and mark_of(element) == mark
end

local function read_count(key, queue)
  local state = redis.call('HMGET', key, 'elements', 'readings', 'head', 'last')
  local elements, readings = tonumber(state[1] or 0), tonumber(state[2] or 0)
  local is_true = elements and readings and elements > 0 and is_marked(queue, 0, state[3]) and is_marked(queue, elements - 1, state[4])
  if not is_true then return { elements = 0, readings = 0, is_stored = state[1] } end
  return { elements = elements, readings = readings, is_stored = true }
end

local function write_count(key, queue, count)
  if count.elements <= 0 then
    redis.call('DEL', key)
    return
  end
  local head, last = redis.call('LINDEX', queue, 0), redis.call('LINDEX', queue, count.elements - 1)
  if head and last then
    redis.call('HSET', key, 'elements', count.elements, 'readings', count.readings, 'head', mark_of(head), 'last', mark_of(last))
  end
end
