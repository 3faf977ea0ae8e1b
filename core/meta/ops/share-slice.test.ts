import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { type SliceRecord, TYPE_FILE } from '../records.ts'
import { openTestVolume, type TestClient, type TestVolumeOptions } from '../test-volume.ts'

const ROOT = rootContext()
const SIZE = 100

interface Two {
  readonly client: TestClient
  /** Files whose first chunk has one slice of `SIZE` bytes, and one more behind it. */
  readonly a: Ino
  readonly b: Ino
  readonly ofA: readonly SliceRecord[]
  readonly ofB: readonly SliceRecord[]
}

async function withTwo(options: TestVolumeOptions, body: (two: Two) => Promise<void>): Promise<void> {
  const client = await openTestVolume(options)
  try {
    const make = async (name: string): Promise<readonly [Ino, readonly SliceRecord[]]> => {
      const { ino } = await client.meta.mknod(ROOT, ROOT_INO, name, { type: TYPE_FILE, mode: 0o644 })
      const records: SliceRecord[] = []
      for (const pos of [0, SIZE]) {
        const id = await client.meta.newSlice()
        records.push({ pos, id, size: SIZE, off: 0, len: SIZE })
        await client.meta.writeSlice(ino, 0, [records.at(-1)!], client.clock.now())
      }
      return [ino, records]
    }
    const [a, ofA] = await make('a')
    const [b, ofB] = await make('b')
    await body({ client, a, b, ofA, ofB })
    await client.settle()
  } finally {
    await client.close()
  }
}

async function usesOf({ engine }: TestClient, records: readonly SliceRecord[]): Promise<number[]> {
  const refs = await engine.read(records.map(({ id, size }) => ({ kind: 'sliceRef', id, size }) as const))
  return refs.map((ref) => ref?.uses ?? 0)
}

test('a shared slice is used by both files, and the other one no more: its objects go after a grace', async () => {
  await withTwo({}, async ({ client, a, b, ofA, ofB }) => {
    const { meta, clock, removedSlices } = client
    const [from, to] = [ofB[0]!.id, ofA[0]!.id]
    const chunk = { ino: b, index: 0, records: ofB }
    const holder = { ino: a, index: 0, records: ofA }
    assert.equal(await meta.shareSlice(chunk, SIZE, from, to, holder), 1)
    assert.deepEqual(await meta.readChunk(b, 0), [{ ...ofB[0]!, id: to }, ofB[1]])
    assert.deepEqual(await usesOf(client, [ofA[0]!, ofB[0]!, ofB[1]!]), [2, 0, 1])
    assert.deepEqual(removedSlices, [])
    // Deleting one of the sharers leaves the slice to the other.
    await meta.unlink(ROOT, ROOT_INO, 'a')
    await client.settle()
    assert.deepEqual(await usesOf(client, [ofA[0]!]), [1])
    await clock.advance(61_000)
    assert.ok(!removedSlices.some(({ id }) => id === to))
  })
})

test('with a trash the slice that is not used any more waits as a delayed slice', async () => {
  await withTwo({ setting: { TrashDays: 1 } }, async ({ client, a, b, ofA, ofB }) => {
    const { meta, engine } = client
    const holder = { ino: a, index: 0, records: ofA }
    await meta.shareSlice({ ino: b, index: 0, records: ofB }, SIZE, ofB[0]!.id, ofA[0]!.id, holder)
    const { items } = await engine.list({ kind: 'delayedSlices' }, { limit: 10 })
    assert.deepEqual(
      items.map(({ slices }) => slices),
      [[{ id: ofB[0]!.id, size: SIZE }]],
    )
    assert.deepEqual(await usesOf(client, [ofA[0]!, ofB[0]!]), [2, 1])
  })
})

test('nothing is shared when either list has changed in front, or the holder does not use the slice', async () => {
  await withTwo({}, async ({ client, a, b, ofA, ofB }) => {
    const { meta } = client
    const [from, to] = [ofB[0]!.id, ofA[0]!.id]
    const chunk = { ino: b, index: 0, records: ofB }
    const share = (records: readonly SliceRecord[], holding: readonly SliceRecord[]) =>
      meta.shareSlice({ ...chunk, records }, SIZE, from, to, { ino: a, index: 0, records: holding })
    assert.equal(await share(ofB.toReversed(), ofA), 0)
    assert.equal(await share(ofB, ofA.toReversed()), 0)
    assert.equal(await share(ofB, [ofA[1]!]), 0)
    assert.equal(await share([ofB[1]!], ofA), 0)
    await meta.truncate(ROOT, a, 0, true)
    assert.equal(await share(ofB, ofA), 1, 'records that came behind do not matter')
    await meta.unlink(ROOT, ROOT_INO, 'a')
    await client.settle()
    const gone = { ino: a, index: 0, records: ofA }
    const rest = await meta.readChunk(b, 0)
    assert.equal(await meta.shareSlice({ ...chunk, records: rest }, SIZE, ofB[1]!.id, ofA[1]!.id, gone), 0)
    assert.deepEqual(await usesOf(client, [ofB[1]!]), [1])
  })
})

test('a write that came behind stays, and two slices of one chunk can become one', async () => {
  await withTwo({}, async ({ client, a, ofA }) => {
    const { meta } = client
    const late = { pos: 20, id: await meta.newSlice(), size: 7, off: 0, len: 7 }
    await meta.writeSlice(a, 0, [late], client.clock.now())
    const chunk = { ino: a, index: 0, records: ofA }
    assert.equal(await meta.shareSlice(chunk, SIZE, ofA[1]!.id, ofA[0]!.id, chunk), 1)
    assert.deepEqual(await meta.readChunk(a, 0), [ofA[0], { ...ofA[1]!, id: ofA[0]!.id }, late])
    assert.deepEqual(await usesOf(client, [ofA[0]!, ofA[1]!]), [2, 0])
  })
})
