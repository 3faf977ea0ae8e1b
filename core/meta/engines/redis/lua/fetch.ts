/**
 * Lua that brings one stored value, for the scripts that read and those that compare. Takes its key from KEYS[k] and a
 * hash field or member from ARGV[a], and moves on in both.
 *
 * G string; H field of a hash; L list of byte strings, joined; M whole hash, as fields and values in turn; Z score;
 * N number of fields. What is not there is false.
 */
export const FETCH = `
local K, A = KEYS, ARGV
local call, byte, sub = redis.call, string.byte, string.sub
local k, a

local function fetch(op)
  local key = K[k]
  k = k + 1
  if op == 72 then -- H
    a = a + 1
    return call('HGET', key, A[a - 1])
  elseif op == 71 then -- G
    return call('GET', key)
  elseif op == 76 then -- L
    local list = call('LRANGE', key, 0, -1)
    return #list > 0 and table.concat(list)
  elseif op == 77 then -- M
    local pairs = call('HGETALL', key)
    return #pairs > 0 and pairs
  elseif op == 90 then -- Z
    a = a + 1
    return call('ZSCORE', key, A[a - 1])
  end
  return call('HLEN', key) -- N
end
`

/** How a value is stored, as FETCH has it. */
export type FetchOp = 'G' | 'H' | 'L' | 'M' | 'Z' | 'N'
