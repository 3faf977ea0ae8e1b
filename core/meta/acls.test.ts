import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EIO } from '#core/base/errno.ts'
import { createAcls } from './acls.ts'
import type { AclRule } from './records.ts'
import { watched } from './test-engine.ts'
import { openTestVolume, refuses, type TestClient } from './test-volume.ts'

const RULE: AclRule = { owner: 7, group: 5, mask: 5, other: 1, users: [{ id: 7, perm: 6 }], groups: [] }

async function withVolume(body: (client: TestClient, calls: string[]) => Promise<void>): Promise<void> {
  const { wrap, calls } = watched()
  const client = await openTestVolume({ wrap })
  try {
    calls.length = 0
    await body(client, calls)
  } finally {
    await client.close()
  }
}

test('equal rules get one id, however many ask at once, and different ones get others', async () => {
  await withVolume(async ({ engine, clock }) => {
    const acls = createAcls(engine, clock)
    const ids = await Promise.all([
      acls.intern(RULE),
      acls.intern({ ...RULE }),
      acls.intern({ ...RULE, other: 0 }),
    ])
    assert.equal(ids[0], ids[1])
    assert.notEqual(ids[0], ids[2])
    assert.equal((await engine.list({ kind: 'acls' }, { limit: 10 })).items.length, 2)
    assert.deepEqual(await acls.get(ids[2]), { ...RULE, other: 0 })
  })
})

test('rules of other clients are found before one is made', async () => {
  await withVolume(async ({ engine, clock }) => {
    const [ours, theirs] = [createAcls(engine, clock), createAcls(engine, clock)]
    await ours.intern({ ...RULE, other: 3 })
    const id = await theirs.intern(RULE)
    await clock.advance(10_001)
    assert.equal(await ours.intern(RULE), id)
  })
})

test('a rule is read once', async () => {
  await withVolume(async ({ engine, clock }, calls) => {
    const id = await createAcls(engine, clock).intern(RULE)
    const acls = createAcls(engine, clock)
    calls.length = 0
    assert.deepEqual(await acls.get(id), RULE)
    assert.deepEqual(await acls.get(id), RULE)
    assert.equal(await acls.intern(RULE), id)
    assert.deepEqual(calls, ['read'])
  })
})

test('an id without a rule is EIO', async () => {
  await withVolume(({ engine, clock }) => refuses(EIO, createAcls(engine, clock).get(77)))
})
