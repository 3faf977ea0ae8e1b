/**
 * A commit: compare everything, then change everything. `program.ts` writes what is interpreted here.
 *
 * ARGV[1] is the program, steps of three bytes: a letter and a 16-bit number; ARGV[2] says how many of the first KEYS
 * are nodes to be read (the slots, from 1). Keys and arguments are taken in turn.
 *
 * Guards, up to `;`:
 *   = slot    the node is ARGV, byte for byte ('': absent)
 *   ~ slot    the node is like ARGV but for times, nlink and length
 *   d         a hash field is ARGV ('': absent)
 *   0         a hash is empty
 *   p         a list starts with ARGV bytes, in as many elements
 *   v n       a record of n stored values, each fetched (steps of FETCH letter and comparison) and compared:
 *             = equal, ! absent, # equal where absent is 0, h hash with exactly these pairs, * anything
 *   ! slot    the node exists; these come last, and end the commit if all others hold
 *   ? slot    never holds: a change of a node that the commit removes
 * Changes:
 *   P         node becomes ARGV
 *   T slot    node gets times ARGV (12 bytes; '' keeps them) and nlink + ARGV; reply: the record
 *   X n       delete n keys
 *   C n, R n  the command ARGV on a key with n more arguments; R: its reply counts
 *   S         directory statistics, if there are any; reply 1 or 0
 *   Q n       quota usage; n = 1: made when missing
 *   U         take a field out of a lock hash, and the hash off its session's list with the last
 *   W         all locks of a session
 *   V n       a session, n = 1: and its record of old
 *
 * Reply: 1 and then what the changes reply; or 0 and then, for each guard that failed, its number and what is there; or
 * 2 and the key of a node that must exist.
 *
 * Nodes are written by one MSET, whole values as peers expect (meta-redis.md §3.1). Nothing is written before every
 * comparison has been made. A script is not undone when a command in it fails; the ones that may (memory limit, replica)
 * fail on the first write.
 */
import { FETCH } from './fetch.ts'

export const COMMIT = `${FETCH}
local program, slots = A[1], tonumber(A[2])
local node = {}
for from = 1, slots, 1000 do
  local to = math.min(from + 999, slots)
  local values = call('MGET', unpack(K, from, to))
  if from == 1 then
    node = values
  else
    for j = 1, #values do node[from + j - 1] = values[j] end
  end
end

local p = -2
local function step()
  p = p + 3
  local op, hi, lo = byte(program, p, p + 2)
  return op, op and hi * 256 + lo
end

-- Guards

local function sameHash(pairs)
  local count = tonumber(A[a])
  local at = a + 1
  a = at + 2 * count
  if not pairs or #pairs ~= 2 * count then return false end
  local wanted = {}
  for j = at, a - 1, 2 do wanted[A[j]] = A[j + 1] end
  for j = 1, #pairs, 2 do
    if wanted[pairs[j]] ~= pairs[j + 1] then return false end
  end
  return true
end

local function holds(how, value)
  if how == 42 then return true end -- *
  if how == 33 then return not value end -- !
  if how == 104 then return sameHash(value) end -- h
  a = a + 1
  if how == 35 then value = value or '0' end -- #
  return value == A[a - 1]
end

local failed
local function fail(guard, value)
  failed = failed or {0}
  failed[#failed + 1] = guard
  failed[#failed + 1] = value
end

k, a = slots + 1, 3
local guard = -1
while true do
  local op, n = step()
  guard = guard + 1
  if op == 126 then -- ~
    local now, like = node[n], A[a]
    a = a + 1
    if now ~= like and not (now and sub(now, 1, 11) == sub(like, 1, 11) and sub(now, 64) == sub(like, 64)) then
      fail(guard, now)
    end
  elseif op == 100 then -- d
    local now = call('HGET', K[k], A[a])
    if (now or '') ~= A[a + 1] then fail(guard, now) end
    k, a = k + 1, a + 2
  elseif op == 61 then -- =
    if (node[n] or '') ~= A[a] then fail(guard, node[n]) end
    a = a + 1
  elseif op == 48 then -- 0
    if call('HLEN', K[k]) > 0 then fail(guard, false) end
    k = k + 1
  elseif op == 112 then -- p
    local head = call('LRANGE', K[k], 0, n - 1)
    if #head < n or table.concat(head) ~= A[a] then
      fail(guard, fetch(76))
    else
      k = k + 1
    end
    a = a + 1
  elseif op == 118 then -- v
    local values, same = {}, true
    for j = 1, n do
      local how, comparison = step()
      local value = fetch(how)
      if not holds(comparison, value) then same = false end
      values[j] = value
    end
    if not same then fail(guard, values) end
  elseif op == 33 or op == 63 then -- ! ?
    if not failed and (op == 63 or not node[n]) then return {2, K[n]} end
  else
    break
  end
end
if failed then return failed end

-- Changes

local out, nodes = {1}, {}

local function command(n)
  local at = a
  a = a + n + 1
  k = k + 1
  if n == 2 then return call(A[at], K[k - 1], A[at + 1], A[at + 2]) end
  if n == 1 then return call(A[at], K[k - 1], A[at + 1]) end
  return call(A[at], K[k - 1], unpack(A, at + 1, at + n))
end

-- Adds to a field of three hashes, and takes it back where there was no record: a sum that differs from what was added
-- shows that there was one, which saves asking.
local function addUsage(known, count, space)
  local sum = call('HINCRBY', K[k], A[a], count)
  if sum == tonumber(count) and call('HEXISTS', known, A[a]) == 0 then return false end
  call('HINCRBY', K[k + 1], A[a], space)
  return true
end

while true do
  local op, n = step()
  if op == nil then break end
  if op == 67 then -- C
    command(n)
  elseif op == 80 then -- P
    nodes[#nodes + 1] = K[k]
    nodes[#nodes + 1] = A[a]
    k, a = k + 1, a + 1
  elseif op == 84 then -- T
    local now, time, links = node[n], A[a], A[a + 1]
    a = a + 2
    local times = time == '' and sub(now, 24, 47) or time .. time
    local nlink = sub(now, 48, 51)
    if links ~= '0' then
      nlink = struct.pack('>I4', math.max(0, struct.unpack('>I4', nlink) + links))
    end
    now = sub(now, 1, 23) .. times .. nlink .. sub(now, 52)
    nodes[#nodes + 1] = K[n]
    nodes[#nodes + 1] = now
    out[#out + 1] = now
  elseif op == 83 then -- S: inodes, space, length
    local there = addUsage(K[k + 1], A[a + 1], A[a + 2])
    if not there then
      call('HDEL', K[k], A[a])
    elseif A[a + 3] ~= '0' then
      call('HINCRBY', K[k + 2], A[a], A[a + 3])
    end
    out[#out + 1] = there and 1 or 0
    k, a = k + 3, a + 4
  elseif op == 82 then -- R
    out[#out + 1] = command(n)
  elseif op == 88 then -- X
    call('DEL', unpack(K, k, k + n - 1))
    k = k + n
  elseif op == 81 then -- Q: inodes, space, limits
    if not addUsage(K[k + 2], A[a + 1], A[a + 2]) then
      if n == 1 then
        call('HINCRBY', K[k + 1], A[a], A[a + 2])
        call('HSET', K[k + 2], A[a], string.rep('\\255', 16))
      else
        call('HDEL', K[k], A[a])
      end
    end
    k, a = k + 3, a + 3
  elseif op == 85 then -- U
    local key, field = K[k], A[a]
    local owner = string.match(field, '^%d+_')
    local last = true
    if call('HDEL', key, field) == 1 then
      for _, other in ipairs(call('HKEYS', key)) do
        if sub(other, 1, #owner) == owner then last = false end
      end
      if last then call('SREM', K[k + 1], key) end
    end
    k, a = k + 2, a + 1
  elseif op == 87 then -- W
    local locked, owner = K[k], A[a]
    for _, key in ipairs(call('SMEMBERS', locked)) do
      for _, field in ipairs(call('HKEYS', key)) do
        if sub(field, 1, #owner) == owner then call('HDEL', key, field) end
      end
    end
    call('DEL', locked)
    k, a = k + 1, a + 1
  elseif op == 86 then -- V
    call('HDEL', K[k], A[a])
    if call('ZREM', K[k + 1], A[a]) == 0 and n == 1 then call('ZREM', K[k + 2], A[a]) end
    k, a = k + 2 + n, a + 1
  end
end
for from = 1, #nodes, 1000 do
  call('MSET', unpack(nodes, from, math.min(from + 999, #nodes)))
end
return out
`
