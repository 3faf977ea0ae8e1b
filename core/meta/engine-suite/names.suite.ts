/** Names: entries of directories, in which order they are listed, and all of a volume. */
import assert from 'node:assert/strict'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'

import { all, apply, NAMES, one, plain, type Suite, sampleNode, slice } from './tools.suite.ts'

export function nameTests(suite: Suite): void {
  suite('an entry is an edge with its node, or with null when it dangles', async (engine) => {
    await apply(engine, { kind: 'putNode', ino: 2, node: sampleNode })
    for (const name of NAMES)
      await apply(engine, { kind: 'putEdge', parent: 1, name, edge: { ino: 2, type: 1 } })
    await apply(engine, {
      kind: 'putEdge',
      parent: TRASH_INO + 1,
      name: 'd',
      edge: { ino: TRASH_INO + 2, type: 2 },
    })
    for (const name of NAMES) {
      const entry = await one(engine, { kind: 'entry', parent: 1, name })
      assert.equal(entry?.ino, 2)
      assert.deepEqual(plain(entry.node), sampleNode)
      assert.deepEqual(await one(engine, { kind: 'edge', parent: 1, name }), { ino: 2, type: 1 })
    }
    assert.deepEqual(await one(engine, { kind: 'entry', parent: TRASH_INO + 1, name: 'd' }), {
      ino: TRASH_INO + 2,
      type: 2,
      node: null,
    })
    await apply(engine, { kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 9, type: 3 } })
    assert.deepEqual(await one(engine, { kind: 'edge', parent: 1, name: 'a' }), { ino: 9, type: 3 })
    await apply(engine, { kind: 'delEdge', parent: 1, name: 'a' })
    assert.equal(await one(engine, { kind: 'edge', parent: 1, name: 'a' }), null)
  })

  suite('edges and entries come in byte order, whatever the page size', async (engine) => {
    await apply(
      engine,
      { kind: 'putNode', ino: 2, node: sampleNode },
      ...NAMES.map(
        (name, k) => ({ kind: 'putEdge', parent: 1, name, edge: { ino: 2 + k, type: 1 } }) as const,
      ),
      { kind: 'putEdge', parent: 3, name: 'other', edge: { ino: 2, type: 1 } },
    )
    const sorted = [...NAMES].sort()
    for (const limit of [1, 3, 8, 100]) {
      assert.deepEqual(
        (await all(engine, { kind: 'edges', parent: 1 }, limit)).map(({ name }) => name),
        sorted,
      )
    }
    const entries = await all(engine, { kind: 'entries', parent: 1 })
    assert.deepEqual(
      entries.map(({ name }) => name),
      sorted,
    )
    assert.deepEqual(plain(entries.find(({ ino }) => ino === 2)!.node), sampleNode)
    assert.equal(entries.find(({ ino }) => ino === 3)!.node, null)
    const rest = await engine.list({ kind: 'edges', parent: 1 }, { after: sorted[2], limit: 2 })
    assert.deepEqual(
      rest.items.map(({ name }) => name),
      sorted.slice(3, 5),
    )
    assert.equal((await all(engine, { kind: 'allEdges' }, 3)).length, NAMES.length + 1)
  })

  suite('all nodes, edges and chunks are listed across the trash range', async (engine) => {
    const inodes = [2, 3, 2 ** 33, TRASH_INO, TRASH_INO + 1, TRASH_INO + 2]
    await apply(
      engine,
      ...inodes.map((ino) => ({ kind: 'putNode', ino, node: sampleNode }) as const),
      ...inodes.map(
        (parent) => ({ kind: 'putEdge', parent, name: 'x y', edge: { ino: 2, type: 1 } }) as const,
      ),
      ...inodes.flatMap((ino) => [
        { kind: 'appendChunk', ino, index: 0, slices: slice(1) } as const,
        { kind: 'appendChunk', ino, index: 31, slices: slice(2) } as const,
      ]),
    )
    const ascending = (list: Ino[]) => list.sort((a, b) => a - b)
    for (const limit of [1, 2, 100]) {
      assert.deepEqual(
        ascending((await all(engine, { kind: 'allNodes' }, limit)).map(({ ino }) => ino)),
        inodes,
      )
      const edges = await all(engine, { kind: 'allEdges' }, limit)
      assert.deepEqual(ascending(edges.map(({ parent }) => parent)), inodes)
      assert.ok(edges.every(({ name, ino, type }) => name === 'x y' && ino === 2 && type === 1))
      const chunks = await all(engine, { kind: 'allChunks' }, limit)
      assert.equal(chunks.length, 2 * inodes.length)
      assert.deepEqual(new Set(chunks.map(({ ino }) => ino)), new Set(inodes))
    }
  })
}
