import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { CHUNK_SIZE, type SliceRecord, TYPE_FILE } from '../records.ts'
import { hole, readSegments } from '../slices.ts'
import { watched } from '../test-engine.ts'
import { openTestVolume, type TestClient, type TestVolumeOptions } from '../test-volume.ts'
import { planCompaction } from './compaction.ts'

const ROOT = rootContext()
const MIB = 2 ** 20

function slice(pos: number, id: number, len: number, off = 0): SliceRecord {
  return { pos, id, size: off + len, off, len }
}

test('one record, or none, is not compacted', () => {
  assert.equal(planCompaction([]), undefined)
  assert.equal(planCompaction([slice(0, 1, 10)]), undefined)
})

test('what is visible from the first to the last byte of data becomes one slice, holes between as zeros', () => {
  const records = [hole(0, 100), slice(10, 1, 10), slice(15, 2, 10), slice(50, 3, 5), hole(52, 40)]
  assert.deepEqual(planCompaction(records), {
    prefix: records,
    skipped: 0,
    pos: 10,
    size: 42,
    segments: [slice(10, 1, 5), slice(15, 2, 10), hole(25, 25), slice(50, 3, 2)].map((piece, k) =>
      k === 0 ? { ...piece, size: 10 } : k === 3 ? { ...piece, size: 5 } : piece,
    ),
    isHole: false,
  })
})

test('a chunk of zeros alone becomes a zero record without objects', () => {
  const plan = planCompaction([slice(10, 1, 10), hole(5, 40), hole(100, 7)])!
  assert.deepEqual([plan.isHole, plan.pos, plan.size, plan.skipped], [true, 5, 40, 0])
})

test('leading records of a MiB and a fifth of the rest stay as they are', () => {
  const big = slice(0, 1, 4 * MIB)
  const small = [slice(4 * MIB, 2, 4096), slice(5 * MIB, 3, 4096)]
  const plan = planCompaction([big, ...small])!
  assert.deepEqual([plan.skipped, plan.pos, plan.size], [1, 4 * MIB, MIB + 4096])
  // Less than a MiB, partly hidden, too small beside the rest, or stored a second time: rewritten too.
  assert.equal(planCompaction([slice(0, 1, MIB - 1), ...small])!.skipped, 0)
  assert.equal(planCompaction([big, slice(MIB, 9, 1), ...small])!.skipped, 0)
  assert.equal(planCompaction([slice(0, 1, MIB), slice(5 * MIB, 2, 1), slice(6 * MIB, 3, 1)])!.skipped, 0)
  assert.equal(planCompaction([big, ...small, big])!.skipped, 0)
  assert.equal(
    planCompaction([big, slice(4 * MIB, 4, 4 * MIB), ...small.map((s) => ({ ...s, pos: s.pos + 4 * MIB }))])!
      .skipped,
    2,
  )
})

test('zeros after a skipped record do not reach into it through a gap', () => {
  const records = [slice(MIB, 1, 4 * MIB), hole(0, MIB / 2), hole(6 * MIB, MIB / 2)]
  const { skipped, pos, size, prefix } = planCompaction(records)!
  const after = [...prefix.slice(0, skipped), hole(pos, size)]
  assert.equal(skipped, 1)
  assert.deepEqual(readSegments(after, 0, CHUNK_SIZE), readSegments(records, 0, CHUNK_SIZE))
})

test('at most a thousand records are taken at once', () => {
  const records = Array.from({ length: 1500 }, (_, k) => slice(k, k + 1, 2))
  assert.equal(planCompaction(records)!.prefix.length, 1000)
})

test('whatever the plan, the chunk reads the same afterwards', () => {
  const UNIT = MIB / 2
  for (let seed = 1; seed <= 3000; seed++) {
    const random = seededRandom(seed)
    const records = Array.from({ length: 2 + below(random, 7) }, (_, k) => {
      const pos = below(random, 30)
      const len = 1 + below(random, 12)
      return below(random, 4) === 0
        ? hole(pos * UNIT, len * UNIT)
        : slice(pos * UNIT, k + 1, len * UNIT, UNIT)
    })
    const plan = planCompaction(records)
    if (plan === undefined) continue
    assert.equal(
      plan.segments.reduce((sum, { len }) => sum + len, 0),
      plan.size,
    )
    const after = [
      ...plan.prefix.slice(0, plan.skipped),
      ...plan.segments,
      ...records.slice(plan.prefix.length),
    ]
    assert.deepEqual(
      joined(readSegments(after, 0, CHUNK_SIZE)),
      joined(readSegments(records, 0, CHUNK_SIZE)),
      `seed ${seed}: ${JSON.stringify(records)}`,
    )
  }
})

/** Pieces that continue each other in the same slice as one. */
function joined(segments: readonly SliceRecord[]): SliceRecord[] {
  const out: SliceRecord[] = []
  for (const next of segments) {
    const last = out.at(-1)
    if (
      last?.id === next.id &&
      last.pos + last.len === next.pos &&
      (next.id === 0 || last.off + last.len === next.off)
    ) {
      out[out.length - 1] = { ...last, len: last.len + next.len }
    } else out.push(next)
  }
  return out
}

async function withWrites(
  options: TestVolumeOptions,
  body: (client: TestClient, ino: Ino, written: readonly SliceRecord[]) => Promise<void>,
): Promise<void> {
  const client = await openTestVolume(options)
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    const written: SliceRecord[] = []
    for (let k = 0; k < 3; k++) {
      written.push(slice(k * 5, await client.meta.newSlice(), 10))
      await client.meta.writeSlice(ino, 0, [written[k]!], client.clock.now())
    }
    await body(client, ino, written)
    await client.settle()
  } finally {
    await client.close()
  }
}

async function uses({ engine }: TestClient, slices: readonly SliceRecord[]): Promise<number[]> {
  const refs = await engine.read(slices.map(({ id, size }) => ({ kind: 'sliceRef', id, size }) as const))
  return refs.map((ref) => ref?.uses ?? 0)
}

test('trash off: replaced slices lose their use at once, and their objects after a minute', async () => {
  await withWrites({}, async (client, ino, written) => {
    const { meta, clock, removedSlices } = client
    const first = slice(0, await meta.newSlice(), 20)
    assert.equal(await meta.commitCompaction(ino, 0, written, 0, first), true)
    assert.deepEqual(await meta.readChunk(ino, 0), [first])
    assert.deepEqual(await uses(client, [...written, first]), [0, 0, 0, 1])
    await clock.advance(59_000)
    const second = slice(0, await meta.newSlice(), 20)
    await meta.commitCompaction(ino, 0, [first], 0, second)
    await client.settle()
    assert.deepEqual(removedSlices, [])
    await clock.advance(1000)
    await meta.commitCompaction(ino, 0, [second], 0, slice(0, await meta.newSlice(), 20))
    await client.settle()
    assert.deepEqual(
      removedSlices.map(({ id }) => id).toSorted(),
      written.map(({ id }) => id),
    )
  })
})

test('trash on: replaced slices are kept for later, one item for each record, and keep their uses', async () => {
  await withWrites({ setting: { TrashDays: 1 } }, async (client, ino, written) => {
    const { meta, clock, engine } = client
    await meta.truncate(ROOT, ino, 12, true)
    const prefix = await meta.readChunk(ino, 0)
    const fresh = slice(0, await meta.newSlice(), 12)
    assert.equal(await meta.commitCompaction(ino, 0, prefix, 1, fresh), true)
    assert.deepEqual(await meta.readChunk(ino, 0), [written[0], fresh])
    const { items } = await engine.list({ kind: 'delayedSlices' }, { limit: 10 })
    const slices = written.slice(1).map(({ id, size }) => ({ id, size }))
    assert.deepEqual(items, [{ newId: fresh.id, deleted: clock.nowSec(), slices }])
    assert.deepEqual(await uses(client, [...written, fresh]), [1, 1, 1, 1])
  })
})

test('a zero record is committed without a reference, and what it replaced is released', async () => {
  await withWrites({}, async (client, ino, written) => {
    const { meta } = client
    await meta.fallocate(ROOT, ino, 3, 0, 20)
    const plan = planCompaction(await meta.readChunk(ino, 0))!
    assert.ok(plan.isHole)
    assert.equal(
      await meta.commitCompaction(ino, 0, plan.prefix, plan.skipped, hole(plan.pos, plan.size)),
      true,
    )
    assert.deepEqual(await meta.readChunk(ino, 0), [hole(0, 20)])
    assert.deepEqual(await uses(client, written), [0, 0, 0])
    const { items } = await client.engine.list({ kind: 'sliceRefs' }, { limit: 10 })
    assert.ok(items.every(({ id }) => id !== 0))
  })
})

test('a chunk that changed in front is left alone', async () => {
  await withWrites({}, async (client, ino, written) => {
    const { meta } = client
    const fresh = slice(0, await meta.newSlice(), 20)
    const others = [written[1]!, written[0]!, written[2]!]
    assert.equal(await meta.commitCompaction(ino, 0, others, 0, fresh), false)
    assert.equal(await meta.commitCompaction(ino, 0, [...written, fresh], 0, fresh), false)
    assert.equal(await meta.commitCompaction(ino, 1, written, 0, fresh), false)
    assert.deepEqual(await meta.readChunk(ino, 0), written)
    assert.deepEqual(await uses(client, written), [1, 1, 1])
  })
})

test('a commit without an answer counts as done when the new record is there', async () => {
  const { wrap, failAfter } = watched()
  await withWrites({ wrap }, async ({ meta }, ino, written) => {
    failAfter('compact', new BackendError('unavailable', 'connection lost'))
    assert.equal(await meta.commitCompaction(ino, 0, written, 0, slice(0, await meta.newSlice(), 20)), true)
  })
})
