/** Nodes: their fields, their links, and what there is where none was written. */
import assert from 'node:assert/strict'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Change, RecordKey } from '../engine.ts'
import type { NodeRecord } from '../records.ts'

import { apply, one, plain, type Suite, type SuiteOptions, sampleNode } from './tools.suite.ts'

export function nodeTests(suite: Suite, options: SuiteOptions): void {
  suite('what was never written reads as null', async (engine) => {
    const keys: RecordKey[] = [
      { kind: 'node', ino: 5 },
      { kind: 'edge', parent: 1, name: 'x' },
      { kind: 'entry', parent: 1, name: 'x' },
      { kind: 'chunk', ino: 5, index: 0 },
      { kind: 'symlink', ino: 5 },
      { kind: 'xattr', ino: 5, name: 'user.x' },
      { kind: 'acl', id: 1 },
      { kind: 'flocks', ino: 5 },
      { kind: 'plocks', ino: 5 },
      { kind: 'parents', ino: 5 },
      { kind: 'session', sid: 1 },
      { kind: 'dirStat', ino: 5 },
      { kind: 'quota', of: 'dir', id: 5 },
      { kind: 'quota', of: 'user', id: 0 },
      { kind: 'delayedSlices', newId: 1, deleted: 1 },
      { kind: 'counter', name: 'lastCleanupTrash' },
      { kind: 'setting' },
    ]
    assert.deepEqual(
      await engine.read(keys),
      keys.map(() => null),
    )
  })

  suite('a node keeps every field, in the trash range and outside 1970..2106 too', async (engine) => {
    const nodes: [Ino, NodeRecord][] = [
      [2, sampleNode],
      [TRASH_INO, { ...sampleNode, parent: 1, tier: 0, accessAcl: 0 }],
      [TRASH_INO + 1, { ...sampleNode, parent: TRASH_INO, type: 2, length: 4096 }],
      [
        2 ** 40,
        { ...sampleNode, parent: 0, atime: -86_400, atimeNsec: 0, mtime: -2, mtimeNsec: 999_999_999 },
      ],
      [2 ** 32 + 5, { ...sampleNode, ctime: 9_000_000_000, ctimeNsec: 1001, mtime: 9_100_000_000 }],
    ]
    await apply(engine, ...nodes.map(([ino, node]) => ({ kind: 'putNode', ino, node }) as const))
    for (const [ino, node] of nodes) assert.deepEqual(plain(await one(engine, { kind: 'node', ino })), node)
    const changed = { ...sampleNode, length: 5, tier: 0, mode: 0 }
    await apply(engine, { kind: 'putNode', ino: 2, node: changed })
    assert.deepEqual(plain(await one(engine, { kind: 'node', ino: 2 })), changed)
    await apply(engine, { kind: 'delNode', ino: 2 })
    assert.equal(await one(engine, { kind: 'node', ino: 2 }), null)
  })

  suite('large ids and device numbers are kept or refused, never changed', async (engine) => {
    for (const field of ['uid', 'gid', 'rdev'] as const) {
      const node = { ...sampleNode, [field]: 3_000_000_000 }
      const put = apply(engine, { kind: 'putNode', ino: 2, node })
      if (options.narrowColumns) {
        await assert.rejects(put, /EOVERFLOW/)
        assert.equal(await one(engine, { kind: 'node', ino: 2 }), null)
      } else {
        await put
        assert.deepEqual(plain(await one(engine, { kind: 'node', ino: 2 })), node)
      }
    }
  })

  suite('touchNode is relative, sets both times, and needs the node', async (engine) => {
    await apply(engine, { kind: 'putNode', ino: TRASH_INO + 1, node: sampleNode })
    const touch = { kind: 'touchNode', ino: TRASH_INO + 1, nlink: 3 } as const
    await apply(engine, touch, { ...touch, nlink: -1, time: { sec: -5, nsec: 7 } })
    assert.deepEqual(plain(await one(engine, { kind: 'node', ino: TRASH_INO + 1 })), {
      ...sampleNode,
      nlink: 4,
      mtime: -5,
      mtimeNsec: 7,
      ctime: -5,
      ctimeNsec: 7,
    })
    const lost = engine.commit(
      'test',
      [],
      [
        { kind: 'putCounter', name: 'nextCleanupSlices', value: 5 },
        { ...touch, ino: 77 },
      ],
    )
    await assert.rejects(lost, /ENOENT/)
    assert.equal(await one(engine, { kind: 'counter', name: 'nextCleanupSlices' }), 0)
  })

  suite('a hard-linked node has each directory once, with the number of its links there', async (engine) => {
    const link = (parent: Ino, name: Name): Change[] => [
      { kind: 'putEdge', parent, name, edge: { ino: 2, type: 1 } },
      { kind: 'addParent', ino: 2, parent, add: 1 },
    ]
    await apply(engine, ...link(1, 'a'), ...link(1, 'b'), ...link(TRASH_INO + 1, 'c'))
    const parents = async () =>
      [...((await one(engine, { kind: 'parents', ino: 2 })) ?? [])].sort((a, b) => a.parent - b.parent)
    assert.deepEqual(await parents(), [
      { parent: 1, links: 2 },
      { parent: TRASH_INO + 1, links: 1 },
    ])
    await apply(
      engine,
      { kind: 'delEdge', parent: 1, name: 'a' },
      { kind: 'delEdge', parent: 1, name: 'b' },
      { kind: 'addParent', ino: 2, parent: 1, add: -1 },
      { kind: 'addParent', ino: 2, parent: 1, add: -1 },
    )
    assert.deepEqual(await parents(), [{ parent: TRASH_INO + 1, links: 1 }])
    await apply(engine, { kind: 'delEdge', parent: TRASH_INO + 1, name: 'c' }, { kind: 'delParents', ino: 2 })
    assert.deepEqual(await parents(), [])
  })
}
