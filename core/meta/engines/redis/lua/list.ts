/** Lua for lists that would otherwise take a round trip an item or more. */

/**
 * Members of a sorted set in its order, after a score and member. A mark that is gone by now stands for the beginning of
 * its score.
 *
 * KEYS: the set. ARGV: limit; then score and member of the mark, if there is one.
 */
export const SORTED_PAGE = `
local key, limit, score, member = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]
local start = 0
if member then
  if redis.call('ZSCORE', key, member) == score then
    start = redis.call('ZRANK', key, member) + 1
  else
    start = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  end
end
return redis.call('ZRANGE', key, start, start + limit - 1, 'WITHSCORES')
`

/**
 * The chunks of one file from an index on, found by asking for each, some at once.
 *
 * KEYS: the node. ARGV: chunk keys up to the index; first index; end index or ''; limit; length in bytes if the node is
 * gone; how many to ask for at most. Without an end they are looked for up to the length of the file, and from there as
 * long as one is found among the next LOOK_AHEAD: files that were cut have such.
 *
 * Reply: the index to go on from, -1 at the end; then indexes and joined records in turn. -2 when there are more
 * indexes to ask for than keys to look through.
 */
export const CHUNK_PAGE = `
local LOOK_AHEAD, AT_ONCE, SPARSE = 16, 64, 32768
local start, limit, most = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[6])
local index, last = tonumber(ARGV[2]), tonumber(ARGV[3])
local stop = index + most
local open = last == nil
if open then
  local length = tonumber(ARGV[5])
  local node = redis.call('GET', KEYS[1])
  if node and #node >= 59 then
    local hi, lo = struct.unpack('>I4I4', node, 52)
    length = hi * 4294967296 + lo
  end
  last = math.max(math.ceil(length / 67108864), index) + LOOK_AHEAD
end
if last - index > SPARSE then return {-2} end
local out, found = {-1}, 0
while index < last and index < stop and found < limit do
  local keys = {}
  for at = index, math.min(last, index + AT_ONCE) - 1 do keys[#keys + 1] = start .. at end
  local there, asked = redis.call('EXISTS', unpack(keys)), 0
  while there > 0 and found < limit do
    asked = asked + 1
    local list = redis.call('LRANGE', keys[asked], 0, -1)
    if #list > 0 then
      there = there - 1
      found = found + 1
      out[2 * found] = index + asked - 1
      out[2 * found + 1] = table.concat(list)
      if open then last = math.max(last, index + asked + LOOK_AHEAD) end
    end
  end
  index = index + (there == 0 and #keys or asked)
end
if index < last then out[1] = index end
return out
`
