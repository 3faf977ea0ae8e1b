/**
 * Several records at once, or a directory entry together with its node, as they are at one moment.
 *
 * ARGV[1]: one letter a value (those of FETCH, and E); ARGV[2]: the key prefix; then fields. E is an entry: HGET, then
 * GET of the node that the nine bytes name; it returns both. The node's key is made here, so it is not among KEYS; on a
 * cluster the hash tag keeps it in the same slot.
 */
import { FETCH } from './fetch.ts'

export const READ = `${FETCH}
local ops, prefix = A[1], A[2]
k, a = 1, 3

-- Inodes from 2^63 - 2^32 up (the trash) are no exact numbers here, so their digits are made in two halves.
local function nodeKey(entry)
  if #entry ~= 9 then return false end
  local hi, lo = struct.unpack('>I4I4', entry, 2)
  if hi < 2097152 then return string.format('%si%.0f', prefix, hi * 4294967296 + lo) end
  if hi ~= 2147483647 then return false end
  local low = 559808512 + lo
  local carry = math.floor(low / 1000000000)
  return string.format('%si%.0f%09.0f', prefix, 9223372032 + carry, low - carry * 1000000000)
end

local out = {}
for p = 1, #ops do
  local op = byte(ops, p)
  if op == 69 then -- E
    local entry = call('HGET', K[k], A[a])
    k, a = k + 1, a + 1
    local key = entry and nodeKey(entry)
    out[#out + 1] = entry
    out[#out + 1] = key and call('GET', key)
  else
    out[#out + 1] = fetch(op)
  end
end
return out
`
