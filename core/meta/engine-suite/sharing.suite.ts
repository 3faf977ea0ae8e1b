/** Several engines in one place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#core/base/log.ts'
import { TaskSet } from '#core/base/tasks.ts'

import { all, apply, one, type SuiteOptions, sampleNode, slice } from './tools.suite.ts'

export function sharedTests(name: string, options: SuiteOptions): void {
  test(`${name}: what others wrote since a mark is told, where the engine tells of it`, async (t) => {
    const place = await options.place(t)
    const [engine, other] = [await place.open(), await place.open()] as const
    t.after(() => Promise.all([engine.close(), other.close()]))
    await engine.initialize()
    if (engine.recentChanges === undefined) return t.skip('it pushes changes, or cannot tell')
    const now = { ...sampleNode, ctime: Math.floor(Date.now() / 1000) }
    const old = { ...sampleNode, ctime: 1 }
    const keys = async (mark: string) => {
      const recent = await engine.recentChanges!(mark)
      assert.ok(recent.changes)
      return {
        mark: recent.mark,
        told: new Set(recent.changes.map((change) => JSON.stringify(change).replaceAll('"', ''))),
      }
    }
    for (let ino = 5; ino < 50; ino++)
      await apply(
        other,
        { kind: 'putNode', ino, node: old },
        { kind: 'appendChunk', ino, index: 0, slices: slice(1) },
      )
    const { mark, changes } = await engine.recentChanges(undefined)
    assert.equal(changes, undefined)
    await apply(
      other,
      { kind: 'putNode', ino: 2 ** 40, node: now },
      { kind: 'putEdge', parent: 1, name: '\xff', edge: { ino: 2 ** 40, type: 1 } },
      { kind: 'appendChunk', ino: 2 ** 40, index: 3, slices: slice(2) },
    )
    const first = await keys(mark)
    const isNode = [...first.told].some((text) => /kind:(node|file),ino:1099511627776/.test(text))
    assert.ok(isNode, [...first.told].join())
    assert.ok(first.told.has('{kind:edge,parent:1,name:\xff}'))
    assert.ok(first.told.has('{kind:chunk,ino:1099511627776,index:3}'))
    // Transactions that were under way may be told twice.
    assert.ok(first.told.size < 20, 'what is older is not told')
    // A chunk that was there before: its file is told, or the chunk itself.
    await apply(
      other,
      { kind: 'putNode', ino: 5, node: now },
      { kind: 'appendChunk', ino: 5, index: 0, slices: slice(3) },
    )
    const second = await keys(first.mark)
    assert.ok(second.told.has('{kind:file,ino:5}') || second.told.has('{kind:chunk,ino:5,index:0}'))
  })

  test(`${name}: racing clients lose no update and never both win`, async (t) => {
    const place = await options.place(t)
    const engines = [await place.open(), await place.open()]
    t.after(() => Promise.all(engines.map((engine) => engine.close())))
    await engines[0]!.initialize()
    await apply(engines[0]!, { kind: 'putNode', ino: 2, node: { ...sampleNode, nlink: 0 } })
    const won = [0, 0]
    const tasks = new TaskSet(silentLog)
    for (const [who, engine] of engines.entries()) {
      tasks.start('client', async () => {
        for (let k = 0; k < 100; k++) {
          const outcome = await engine.commit(
            'test',
            [{ kind: 'edgeIs', parent: 1, name: `n${k}`, is: null }],
            [
              { kind: 'putEdge', parent: 1, name: `n${k}`, edge: { ino: 10 + who, type: 1 } },
              { kind: 'touchNode', ino: 2, nlink: 1 },
              { kind: 'addUsage', space: 4096, inodes: 1 },
            ],
          )
          if (outcome.ok) won[who]!++
        }
      })
    }
    await tasks.drain()
    assert.equal(won[0]! + won[1]!, 100)
    for (const engine of engines) await engine.sync() // usage may be written in batches
    for (const engine of engines) {
      assert.equal((await one(engine, { kind: 'node', ino: 2 }))?.nlink, 100)
      assert.equal(await one(engine, { kind: 'counter', name: 'usedSpace' }), 409_600)
      assert.equal((await all(engine, { kind: 'edges', parent: 1 }, 30)).length, 100)
    }
  })
}
