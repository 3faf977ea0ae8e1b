import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seededRandom } from '#core/base/random.ts'
import type { LockRange, LockType } from './api.ts'
import { findConflict, withLock } from './plock-ranges.ts'
import type { PlockRange } from './records.ts'

function lock(type: LockType, start: number, end: number, pid = 1): LockRange {
  return { type, start: BigInt(start), end: BigInt(end), pid }
}

function set(...locks: LockRange[]): string {
  return locks
    .reduce<PlockRange[]>(withLock, [])
    .map((r) => `${r.type}${r.start}-${r.end}/${r.pid}`)
    .join(' ')
}

test('a lock takes the place of what it overlaps and leaves the rest', () => {
  assert.equal(set(lock('R', 0, 99), lock('W', 40, 59)), 'R0-39/1 W40-59/1 R60-99/1')
  assert.equal(set(lock('R', 0, 99), lock('U', 40, 59)), 'R0-39/1 R60-99/1')
  assert.equal(set(lock('R', 0, 9), lock('R', 20, 29), lock('W', 5, 24)), 'R0-4/1 W5-24/1 R25-29/1')
  assert.equal(set(lock('W', 5, 9), lock('U', 0, 99)), '')
})

test('touching ranges are joined when type and pid are equal, and only then', () => {
  assert.equal(set(lock('R', 0, 9), lock('R', 10, 19)), 'R0-19/1')
  assert.equal(set(lock('R', 0, 9), lock('R', 20, 29), lock('R', 10, 19)), 'R0-29/1')
  assert.equal(set(lock('R', 0, 9), lock('W', 10, 19)), 'R0-9/1 W10-19/1')
  assert.equal(set(lock('R', 0, 9), lock('R', 10, 19, 2)), 'R0-9/1 R10-19/2')
  assert.equal(set(lock('W', 0, 9), lock('R', 0, 9)), 'R0-9/1')
})

test('the last byte that can be locked is 2^63-1', () => {
  const end = 2n ** 63n - 1n
  assert.deepEqual(withLock([], { type: 'W', start: 5n, end, pid: 3 }), [
    { type: 'W', start: 5n, end, pid: 3 },
  ])
  const cut = withLock([{ type: 'W', start: 0n, end, pid: 3 }], { type: 'U', start: 7n, end, pid: 3 })
  assert.deepEqual(cut, [{ type: 'W', start: 0n, end: 6n, pid: 3 }])
})

test('any list of locks leaves what a byte map has, sorted, disjoint and joined', () => {
  const SPAN = 24
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seededRandom(seed)
    const map = new Array<string>(SPAN).fill('')
    let ranges: PlockRange[] = []
    const trace: string[] = []
    for (let n = 8; n > 0; n--) {
      const start = below(random, SPAN)
      const end = start + below(random, SPAN - start)
      const type = (['R', 'W', 'U'] as const)[below(random, 3)]!
      const pid = 1 + below(random, 2)
      trace.push(`${type}${start}-${end}/${pid}`)
      ranges = withLock(ranges, lock(type, start, end, pid))
      map.fill(type === 'U' ? '' : `${type}${pid}`, start, end + 1)
      const expected: string[] = []
      for (let at = 0; at < SPAN; ) {
        let to = at
        while (to + 1 < SPAN && map[to + 1] === map[at]) to++
        if (map[at] !== '') expected.push(`${map[at]} ${at}-${to}`)
        at = to + 1
      }
      const got = ranges.map((r) => `${r.type}${r.pid} ${r.start}-${r.end}`)
      assert.deepEqual(got, expected, `seed ${seed}: ${trace.join(' ')}`)
    }
  }
})

test('a conflict is an overlap where either wants to write; unlocking meets none', () => {
  const ranges: PlockRange[] = [
    { type: 'R', start: 0n, end: 9n, pid: 1 },
    { type: 'W', start: 20n, end: 29n, pid: 1 },
  ]
  assert.equal(findConflict(ranges, lock('R', 0, 19)), undefined)
  assert.equal(findConflict(ranges, lock('R', 0, 20)), ranges[1])
  assert.equal(findConflict(ranges, lock('W', 9, 9)), ranges[0])
  assert.equal(findConflict(ranges, lock('W', 10, 19)), undefined)
  assert.equal(findConflict(ranges, lock('U', 0, 99)), undefined)
})
