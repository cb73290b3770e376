-- Keeps a value that is the same for all who ask, whoever is first: what hides the feed's cursors, which store the readings go to.
--
-- KEYS[1] secret, or store  string
-- ARGV[1] what it is if there is none
-- ARGV[2] '1': what it is in any case
-- Returns it

local known = ARGV[2] ~= '1' and redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
