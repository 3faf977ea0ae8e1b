/** Guards: what must hold for a commit to be one. */
import assert from 'node:assert/strict'
import { TRASH_INO } from '#core/base/ino.ts'
import type { MetaEngine } from '../engine.ts'
import type { NodeRecord } from '../records.ts'

import { apply, bytesOf, join, one, type Suite, sampleNode, slice } from './tools.suite.ts'

export function guardTests(suite: Suite): void {
  /** Both ways round: the guard that holds commits, the one that does not changes nothing and says what is there. */
  suite('a failed guard brings the actual record and changes nothing', async (engine) => {
    const like = { ...sampleNode, mtime: 1, mtimeNsec: 0, nlink: 77, length: 3, atime: 5, ctime: 6 }
    await apply(
      engine,
      { kind: 'putNode', ino: 2, node: sampleNode },
      { kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 2, type: 1 } },
      { kind: 'appendChunk', ino: 2, index: 0, slices: join(slice(1), slice(2)) },
      { kind: 'putXattr', ino: 2, name: 'user.x', value: slice(3) },
      {
        kind: 'putQuota',
        of: 'dir',
        id: 2,
        quota: { maxSpace: 1, maxInodes: 2, usedSpace: 3, usedInodes: 4 },
      },
      { kind: 'putFlock', ino: 2, lock: { sid: 1, owner: 5n, type: 'R' } },
    )
    const node = (await one(engine, { kind: 'node', ino: 2 }))!
    const marker = { kind: 'putCounter', name: 'nextCleanupSlices', value: 1 } as const
    const holds: Parameters<MetaEngine['commit']>[1] = [
      { kind: 'nodeIs', ino: 2, is: node },
      { kind: 'nodeIs', ino: 99, is: null },
      { kind: 'nodeLike', ino: 2, like: { ...like, raw: node.raw } },
      { kind: 'edgeIs', parent: 1, name: 'a', is: { ino: 2, type: 1 } },
      { kind: 'edgeIs', parent: 1, name: 'b', is: null },
      { kind: 'emptyDir', ino: 2 },
      { kind: 'chunkIs', ino: 2, index: 0, is: join(slice(1), slice(2)) },
      { kind: 'chunkIs', ino: 2, index: 1, is: null },
      { kind: 'chunkStartsWith', ino: 2, index: 0, prefix: slice(1) },
      { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.x' }, is: slice(3) },
      { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.y' }, is: null },
      { kind: 'recordIs', key: { kind: 'flocks', ino: 2 }, is: [{ sid: 1, owner: 5n, type: 'R' }] },
      { kind: 'recordIs', key: { kind: 'counter', name: 'nextSession' }, is: 0 },
    ]
    for (const guard of holds)
      assert.ok((await engine.commit('test', [guard], [marker])).ok, JSON.stringify(guard.kind))
    assert.ok((await engine.commit('test', holds, [marker])).ok)
    await apply(engine, { ...marker, value: 0 })

    const fails: [Parameters<MetaEngine['commit']>[1][number], (actual: unknown) => void][] = [
      [
        { kind: 'nodeIs', ino: 2, is: { ...node, nlink: 3, raw: undefined } },
        (a) => assert.equal((a as NodeRecord).nlink, 2),
      ],
      [
        { kind: 'nodeIs', ino: 2, is: { ...node, mtimeNsec: 501, raw: undefined } },
        (a) => assert.equal((a as NodeRecord).mtimeNsec, 500),
      ],
      [{ kind: 'nodeIs', ino: 2, is: null }, (a) => assert.notEqual(a, null)],
      [{ kind: 'nodeIs', ino: 99, is: node }, (a) => assert.equal(a, null)],
      [
        { kind: 'nodeLike', ino: 2, like: { ...like, mode: 0 } },
        (a) => assert.equal((a as NodeRecord).mode, 0o6751),
      ],
      [
        { kind: 'nodeLike', ino: 2, like: { ...like, parent: 1 } },
        (a) => assert.equal((a as NodeRecord).parent, TRASH_INO + 7),
      ],
      [{ kind: 'nodeLike', ino: 99, like }, (a) => assert.equal(a, null)],
      [{ kind: 'edgeIs', parent: 1, name: 'a', is: null }, (a) => assert.deepEqual(a, { ino: 2, type: 1 })],
      [{ kind: 'edgeIs', parent: 1, name: 'b', is: { ino: 2, type: 1 } }, (a) => assert.equal(a, null)],
      [{ kind: 'emptyDir', ino: 1 }, (a) => assert.equal(a, false)],
      [{ kind: 'chunkIs', ino: 2, index: 0, is: slice(1) }, (a) => assert.equal(bytesOf(a).length, 48)],
      [
        { kind: 'chunkStartsWith', ino: 2, index: 0, prefix: slice(2) },
        (a) => assert.equal(bytesOf(a).length, 48),
      ],
      [{ kind: 'chunkStartsWith', ino: 2, index: 7, prefix: slice(2) }, (a) => assert.equal(a, null)],
      [
        { kind: 'recordIs', key: { kind: 'xattr', ino: 2, name: 'user.x' }, is: null },
        (a) => assert.deepEqual(bytesOf(a), slice(3)),
      ],
      [
        { kind: 'recordIs', key: { kind: 'flocks', ino: 2 }, is: null },
        (a) => assert.equal((a as unknown[]).length, 1),
      ],
    ]
    for (const [guard, check] of fails) {
      const outcome = await engine.commit('test', [holds[0]!, guard], [{ ...marker, value: 2 }])
      assert.ok(!outcome.ok, guard.kind)
      assert.equal(outcome.failed.length, 1)
      assert.equal(outcome.failed[0]!.guard, 1)
      check(outcome.failed[0]!.actual)
    }
    assert.equal(await one(engine, { kind: 'counter', name: 'nextCleanupSlices' }), 0)
  })

  suite('every failed guard is reported', async (engine) => {
    const outcome = await engine.commit(
      'test',
      [
        { kind: 'nodeIs', ino: 5, is: sampleNode },
        { kind: 'nodeIs', ino: 6, is: null },
        { kind: 'edgeIs', parent: 5, name: 'x', is: { ino: 6, type: 1 } },
      ],
      [{ kind: 'putNode', ino: 6, node: sampleNode }],
    )
    assert.ok(!outcome.ok)
    assert.deepEqual(
      outcome.failed.map(({ guard }) => guard),
      [0, 2],
    )
    assert.equal(await one(engine, { kind: 'node', ino: 6 }), null)
  })
}
