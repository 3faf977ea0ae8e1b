/** Sessions and what is left to do for them. */
import assert from 'node:assert/strict'

import { all, apply, one, type Suite } from './tools.suite.ts'

export function sessionTests(suite: Suite): void {
  suite('sessions, sustained files, deleted files and clones are kept and listed', async (engine) => {
    const sessions = [1, 2, 3].map((sid) => ({ sid, expire: 1000 + sid, info: `{"HostName":"é${sid}"}` }))
    await apply(engine, ...sessions.map((session) => ({ kind: 'putSession', session }) as const))
    assert.deepEqual(await all(engine, { kind: 'sessions' }), sessions)
    await apply(
      engine,
      { kind: 'putSession', session: { ...sessions[0]!, expire: 9 } },
      { kind: 'delSession', sid: 2 },
    )
    assert.deepEqual(await one(engine, { kind: 'session', sid: 1 }), { ...sessions[0]!, expire: 9 })
    assert.equal(await one(engine, { kind: 'session', sid: 2 }), null)

    await apply(engine, ...[9, 7, 8].map((ino) => ({ kind: 'putSustained', sid: 1, ino }) as const))
    await apply(engine, { kind: 'putSustained', sid: 1, ino: 7 }, { kind: 'putSustained', sid: 2, ino: 7 })
    assert.deepEqual((await all(engine, { kind: 'sustained', sid: 1 })).sort(), [7, 8, 9])
    await apply(engine, { kind: 'delSustained', sid: 1, ino: 7 })
    assert.deepEqual(await all(engine, { kind: 'sustained', sid: 2 }), [7])

    const files = [3, 4, 5].map((ino) => ({ ino, length: ino * 1000, deleted: 1_700_000_000 + ino }))
    await apply(engine, ...files.map((file) => ({ kind: 'putDeletedFile', file }) as const))
    assert.deepEqual(await all(engine, { kind: 'deletedFiles' }), files)
    await apply(engine, { kind: 'delDeletedFile', ino: 4, length: 4000 })
    assert.deepEqual(
      (await all(engine, { kind: 'deletedFiles' })).map(({ ino }) => ino),
      [3, 5],
    )

    await apply(
      engine,
      { kind: 'putDetached', ino: 3, added: 10 },
      { kind: 'putDetached', ino: 4, added: 11 },
    )
    await apply(engine, { kind: 'delDetached', ino: 3 })
    assert.deepEqual(await all(engine, { kind: 'detached' }), [{ ino: 4, added: 11 }])
  })
}
