/** Lua for counters: what needs an answer about the old value and a new one at once. */

/** "Is it my turn?" KEYS: the gate. ARGV: now, period. Source: meta-records.md §11 ("set if small"). */
export const CLAIM = `
if math.abs(ARGV[1] - (redis.call('GET', KEYS[1]) or 0)) < tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`

/** A rule under the next free id. KEYS: counter, rules. ARGV: the rule. Reply: the id. */
export const INSERT_ACL = `
local id
repeat
  id = redis.call('INCRBY', KEYS[1], 1)
until redis.call('HSETNX', KEYS[2], id, ARGV[1]) == 1
return id
`
