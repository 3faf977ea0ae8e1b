/** Transactions that begin where another was committed, by the rules of TiKV (test-cluster.ts) and on the stand-in. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startTikv, tikvMissing } from '../../e2e/harness/tikv.ts'
import { TxnClient } from './client.ts'
import { TestCluster } from './test-cluster.ts'
import { Faults } from './test-faults.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

const clusters = {
  'rules of TiKV': {
    skip: false,
    start: async () => {
      const cluster = await TestCluster.start()
      return { address: cluster.address, stop: () => cluster.stop() }
    },
  },
  'stand-in': {
    skip: tikvMissing() ?? false,
    start: async () => {
      const server = await startTikv()
      return { address: server.pd, stop: () => server.stop() }
    },
  },
} as const

for (const [name, { skip, start }] of Object.entries(clusters)) {
  /** `a` is 1, and `moment` where it was made so. */
  const setUp = async (t: TestContext) => {
    const cluster = await start()
    const faults = new Faults()
    const client = await TxnClient.connect([cluster.address], { wrap: faults.wrap })
    const other = await TxnClient.connect([cluster.address])
    t.after(async () => {
      await client.close()
      await other.close()
      await cluster.stop()
    })
    const first = await client.begin()
    first.set('a', bytes('1'))
    first.set('c', bytes('1'))
    assert.notEqual(await first.commit(), undefined)
    assert.notEqual(first.moment, undefined)
    const next = await client.begin(first.moment)
    next.set('a', bytes('2'))
    next.insert('b', bytes('2'))
    const values = async () => {
      const found = await other.getSnapshot().batchGet(['a', 'b', 'c'])
      return ['a', 'b', 'c'].map((key) => found.get(key)?.toString() ?? '-').join('')
    }
    return { client, other, next, faults, values }
  }

  test(`one begins where another was committed, and so on: ${name}`, { skip }, async (t) => {
    const { client, next, values } = await setUp(t)
    assert.notEqual(await next.commit(), undefined)
    assert.equal(await values(), '221')
    const third = await client.begin(next.moment)
    third.set('a', bytes('3'))
    third.insert('d', bytes('3'))
    assert.notEqual(await third.commit(), undefined)
    assert.equal(await values(), '321')
    assert.equal(client.counts.get('Tso'), 3, 'one for each')
  })

  test(`what others wrote since makes it lose, and so does a key that exists: ${name}`, {
    skip,
  }, async (t) => {
    for (const [key, kept] of [
      ['a', 'o-1'],
      ['b', '1o1'],
    ] as const) {
      const { other, next, values } = await setUp(t)
      const foreign = await other.begin()
      foreign.set(key, bytes('o'))
      assert.notEqual(await foreign.commit(), undefined)
      assert.equal(await next.commit(), undefined)
      assert.equal(await values(), kept)
      assert.equal(next.moment, undefined)
    }
  })

  test(`a key that was made before is not inserted: ${name}`, { skip }, async (t) => {
    const { client, values } = await setUp(t)
    const txn = await client.begin()
    txn.set('a', bytes('x'))
    txn.insert('c', bytes('x'))
    assert.equal(await txn.commit(), undefined)
    assert.equal(await values(), '1-1')
  })

  for (const fault of ['loseRequest', 'loseAnswer'] as const)
    test(`its answer is so, and what it began on is not undone: ${fault}, ${name}`, { skip }, async (t) => {
      const { next, faults, values, other } = await setUp(t)
      faults.plan(fault, 'KvPrewrite')
      const committed = (await next.commit()) !== undefined
      assert.equal(committed, fault === 'loseAnswer')
      assert.equal(await values(), committed ? '221' : '1-1')
      const later = await other.begin()
      later.set('a', bytes('4'))
      later.set('b', bytes('4'))
      assert.notEqual(await later.commit(), undefined)
      assert.equal(await values(), '441')
    })
}

test('a commit whose timestamp somebody else may have is not begun at', async (t) => {
  const cluster = await TestCluster.start()
  const client = await TxnClient.connect([cluster.address])
  t.after(async () => {
    await client.close()
    cluster.stop()
  })
  const txn = await client.begin()
  await client.getSnapshot(await client.getTimestamp()).get('a')
  txn.set('a', bytes('1'))
  assert.notEqual(await txn.commit(), undefined)
  assert.equal(txn.moment, undefined, 'the store committed it right after the newest read')
})
