-- What hides the feed's cursors: the same for all who ask, whoever is first.
--
-- KEYS[1] secret  string
-- ARGV[1] what it is if there is none
-- Returns it

local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
