/** Async commits, which only real stores and test-cluster.ts do: committed when the last lock is there. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { TxnClient } from './client.ts'
import { TestCluster } from './test-cluster.ts'
import { Faults } from './test-faults.ts'

/** Of locks, from the start of their transaction. */
const LIFE_MS = 3_000
const KEYS = ['a', 'b', 'c']

async function setUp(t: TestContext, { noOnePc = false, splits = ['b', 'c'] } = {}) {
  const cluster = await TestCluster.start({ splits, noOnePc })
  const faults = new Faults()
  const client = await TxnClient.connect([cluster.address], { wrap: faults.wrap })
  const other = await TxnClient.connect([cluster.address])
  t.after(async () => {
    if (!faults.isDead) await client.close()
    await other.close()
    cluster.stop()
  })
  const values = async () => {
    const found = await other.getSnapshot().batchGet(KEYS)
    return KEYS.map((key) => found.get(key)?.toString() ?? '').join('')
  }
  const put = async (by: TxnClient, value: string) => {
    const txn = await by.begin()
    for (const key of KEYS) txn.set(key, Buffer.from(value))
    return txn
  }
  assert.notEqual(await (await put(other, '0')).commit(), undefined)
  await client.getSnapshot().batchGet(KEYS)
  return { cluster, client, other, faults, values, begin: () => put(client, '1'), put }
}

test('one phase in one region; one round of locks in three, and one timestamp', async (t) => {
  for (const splits of [[], ['b', 'c']]) {
    const { client, begin, values, cluster } = await setUp(t, { splits })
    const before = client.counts
    assert.notEqual(await (await begin()).commit(), undefined)
    const commits = client.counts.get('KvCommit') ?? 0
    assert.equal(client.counts.get('KvPrewrite'), splits.length + 1)
    assert.equal((client.counts.get('Tso') ?? 0) - (before.get('Tso') ?? 0), 1)
    assert.equal(await values(), '111')
    await client.close()
    assert.equal(client.counts.get('KvCommit') ?? 0, splits.length === 0 ? commits : 3, 'behind the scenes')
    assert.equal(cluster.locks, 0)
  }
})

test('its commit timestamp is after every read that was answered, and before every later one', async (t) => {
  const { client, other, begin } = await setUp(t)
  const txn = await begin()
  const early = other.getSnapshot(await other.getTimestamp())
  assert.equal((await early.get('a'))?.toString(), '0')
  const commitTs = await txn.commit()
  assert.ok(commitTs !== undefined && commitTs > early.version)
  assert.equal((await early.get('b'))?.toString(), '0', 'the snapshot stays as it was')
  const late = await client.getTimestamp()
  assert.ok(late >= commitTs)
  assert.equal((await other.getSnapshot(late).get('c'))?.toString(), '1')
})

for (const noOnePc of [false, true])
  for (const fault of ['loseRequest', 'loseAnswer'] as const)
    for (const nth of [1, 2, 3]) {
      const splits = noOnePc ? [] : ['b', 'c']
      if (splits.length === 0 && nth > 1) continue
      const title = `what it answers is so: ${fault} of first phase ${nth}, ${splits.length + 1} regions`
      test(title, async (t) => {
        const { faults, begin, values, client, cluster } = await setUp(t, { noOnePc, splits })
        const txn = await begin()
        faults.plan(fault, 'KvPrewrite', nth)
        const committed = (await txn.commit()) !== undefined
        assert.equal(await values(), committed ? '111' : '000')
        if (fault === 'loseAnswer') assert.ok(committed, 'all locks were there')
        await client.close()
        assert.equal(cluster.locks, 0)
      })
    }

for (const [fault, method, nth, survives] of [
  ['dieAfter', 'KvPrewrite', 1, undefined],
  ['dieBefore', 'KvPrewrite', 3, undefined],
  ['dieAfter', 'KvPrewrite', 3, true],
  ['dieBefore', 'KvCommit', 1, true],
  ['dieAfter', 'KvCommit', 1, true],
  ['dieAfter', 'KvCommit', 2, true],
] as const)
  test(`a client that dies leaves all or nothing: ${fault} ${method} ${nth}`, async (t) => {
    const { faults, begin, values, put, other, cluster } = await setUp(t)
    const txn = await begin()
    faults.plan(fault, method, nth)
    const began = performance.now()
    await txn.commit().catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50)) // what was under way at its death
    const seen = await values()
    assert.ok(seen === '111' || (seen === '000' && survives !== true), seen)
    assert.ok(performance.now() - began < LIFE_MS + 1_000, `${performance.now() - began} ms`)
    assert.notEqual(await (await put(other, '2')).commit(), undefined)
    assert.equal(await values(), '222')
    await other.close()
    assert.equal(cluster.locks, 0)
  })
