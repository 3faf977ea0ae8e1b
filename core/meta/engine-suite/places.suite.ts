/** A place of metadata: made, closed, flushed, removed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { apply, type SuiteOptions, sampleNode } from './tools.suite.ts'

export function placeTests(name: string, options: SuiteOptions): void {
  test(`${name}: a place with a volume cannot be initialized again, and is empty once destroyed`, async (t) => {
    const engine = await (await options.place(t)).open()
    t.after(() => engine.close())
    await engine.initialize()
    await engine.initialize()
    await apply(engine, { kind: 'putSetting', text: '{}' }, { kind: 'putNode', ino: 1, node: sampleNode })
    await engine.upgrade()
    await assert.rejects(engine.initialize(), { kind: 'invalid' })
    await engine.destroy()
    assert.deepEqual(await engine.read([{ kind: 'setting' }, { kind: 'node', ino: 1 }]), [null, null])
    await engine.initialize()
  })

  test(`${name}: a closed engine answers "closed"`, async (t) => {
    const engine = await (await options.place(t)).open()
    await engine.initialize()
    await engine.close()
    await engine.close()
    await assert.rejects(engine.read([{ kind: 'setting' }]), { kind: 'closed' })
    await assert.rejects(engine.commit('test', [], []), { kind: 'closed' })
  })

  test(`${name}: sync resolves, alone and many at once`, async (t) => {
    const engine = await (await options.place(t)).open()
    t.after(() => engine.close())
    await engine.initialize()
    await engine.sync()
    const syncs: Promise<void>[] = []
    for (let k = 0; k < 50; k++) {
      await apply(engine, { kind: 'putCounter', name: 'nextCleanupSlices', value: k })
      syncs.push(engine.sync())
    }
    await Promise.all(syncs)
  })
}

/** Two clients on one place, in this process. */
