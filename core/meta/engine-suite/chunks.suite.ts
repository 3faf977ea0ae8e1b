/** Chunks, slices, and how often a slice is used. */
import assert from 'node:assert/strict'

import { all, apply, bytesOf, join, one, type Suite, type SuiteOptions, slice } from './tools.suite.ts'

export function chunkTests(suite: Suite, options: SuiteOptions): void {
  suite('a chunk grows, has its beginning replaced, and goes', async (engine) => {
    const append = (fill: number) => ({ kind: 'appendChunk', ino: 2, index: 3, slices: slice(fill) }) as const
    // 0x00 and 0xff: what SQL concatenation as text would lose.
    assert.deepEqual(await apply(engine, append(0), append(0xff)), [1, 2])
    assert.deepEqual(await apply(engine, { ...append(1), slices: join(slice(1), slice(2)) }), [4])
    const list = async () => bytesOf(await one(engine, { kind: 'chunk', ino: 2, index: 3 }))
    assert.deepEqual(await list(), join(slice(0), slice(0xff), slice(1), slice(2)))
    await apply(engine, { kind: 'replaceChunkPrefix', ino: 2, index: 3, prefixBytes: 72, slices: slice(9) })
    assert.deepEqual(await list(), join(slice(9), slice(2)))
    assert.deepEqual(await apply(engine, append(3)), [3])
    await apply(engine, { kind: 'delChunk', ino: 2, index: 3 })
    assert.equal(await one(engine, { kind: 'chunk', ino: 2, index: 3 }), null)
  })

  suite('chunks of a file are listed between two indexes', async (engine) => {
    await apply(
      engine,
      ...[0, 1, 5, 9].map((index) => ({ kind: 'appendChunk', ino: 2, index, slices: slice(index) }) as const),
    )
    const indexes = async (from?: number, to?: number) =>
      (await all(engine, { kind: 'chunks', ino: 2, from, to })).map(({ index }) => index)
    assert.deepEqual(await indexes(), [0, 1, 5, 9])
    assert.deepEqual(await indexes(1, 9), [1, 5])
    assert.deepEqual(await indexes(2), [5, 9])
    const [first] = (await engine.list({ kind: 'chunks', ino: 2 }, { limit: 1 })).items
    assert.deepEqual(bytesOf(first!.slices), slice(0))
  })

  suite('a slice lives until its last use is dropped', async (engine) => {
    const add = (id: number, n: number) => ({ kind: 'addSliceRef', id, size: 100, add: n }) as const
    await apply(
      engine,
      { kind: 'newSliceRef', id: 5, size: 100 },
      { kind: 'newSliceRef', id: 2 ** 40, size: 100 },
    )
    assert.deepEqual(await apply(engine, add(5, 1)), [2])
    assert.deepEqual(await apply(engine, add(5, -1), add(2 ** 40, 2)), [1, 3])
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [])
    const [left] = await apply(engine, add(5, -1))
    assert.ok(left! <= 0)
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [{ id: 5, size: 100, uses: 0 }])
    assert.equal((await one(engine, { kind: 'sliceRef', id: 5, size: 100 }))?.uses, 0)
    const refs = await all(engine, { kind: 'sliceRefs' }, 1)
    assert.ok(refs.some(({ id, uses }) => id === 2 ** 40 && uses === 3))
    await apply(engine, { kind: 'delSliceRef', id: 5, size: 100 })
    assert.deepEqual(await all(engine, { kind: 'unusedSlices' }), [])
    if (!options.countsEverySlice) return
    assert.equal(await one(engine, { kind: 'sliceRef', id: 5, size: 100 }), null)
    assert.deepEqual(await apply(engine, add(5, -1)), [1], 'what is not accounted is not deleted')
  })

  suite('delayed slices are found by key and in the list', async (engine) => {
    const slices = [
      { id: 1, size: 4_194_304 },
      { id: 2 ** 40, size: 1 },
      { id: 1, size: 4_194_304 },
    ]
    const records = [10, 11, 12].map((newId) => ({ newId, deleted: 1_700_000_000, slices }))
    await apply(engine, ...records.map((record) => ({ kind: 'putDelayedSlices', record }) as const))
    assert.deepEqual(await all(engine, { kind: 'delayedSlices' }), records)
    const key = { kind: 'delayedSlices', newId: 11, deleted: 1_700_000_000 } as const
    assert.deepEqual(await one(engine, key), records[1])
    await apply(engine, { ...key, kind: 'delDelayedSlices' })
    assert.equal(await one(engine, key), null)
    assert.equal((await all(engine, { kind: 'delayedSlices' })).length, 2)
  })
}
