/** What becomes of commits whose answers are lost, and of those whose client dies, on a cluster in a process. */
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { startTikv, type TikvServer, tikvMissing } from '../../e2e/harness/tikv.ts'
import { TxnClient } from './client.ts'
import { Faults } from './test-faults.ts'

const skip = tikvMissing() ?? false
let server: TikvServer
let places = 0
before(async () => {
  if (skip === false) server = await startTikv()
})
after(() => server?.stop())

/** Of locks, from the start of their transaction. */
const LIFE_MS = 3_000
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Two keys; of different regions when `split`. A client with faults, and one without. */
async function setUp(t: TestContext, split: boolean) {
  const place = `commit${places++}\xfd`
  const [a, b] = [`${place}a`, `${place}b`]
  if (split) await server.split(b)
  const faults = new Faults()
  const client = await TxnClient.connect([server.pd], { wrap: faults.wrap })
  const other = await TxnClient.connect([server.pd])
  t.after(async () => {
    if (!faults.isDead) await client.close()
    await other.close()
  })
  const first = await other.begin()
  first.set(a, bytes('0'))
  first.set(b, bytes('0'))
  await first.commit()
  const values = async (): Promise<(string | undefined)[]> => {
    const found = await other.getSnapshot().batchGet([a, b])
    return [a, b].map((key) => found.get(key)?.toString('latin1'))
  }
  const begin = async () => {
    const txn = await client.begin()
    txn.set(a, bytes('1'))
    txn.set(b, bytes('1'))
    return txn
  }
  return { client, other, faults, values, begin, a, b }
}

test('a transaction that gets no timestamps fails once, and nothing of it is left unheard', {
  skip,
}, async () => {
  const client = await TxnClient.connect([server.pd])
  const unheard: unknown[] = []
  const onUnheard = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', onUnheard)
  try {
    const beginning = assert.rejects(client.begin(), { kind: 'closed' })
    await client.close()
    await beginning
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('unhandledRejection', onUnheard)
  }
  assert.deepEqual(unheard, [])
})

test('one phase where the keys lie in one region, two where they do not', { skip }, async (t) => {
  for (const split of [false, true]) {
    const { client, begin, values } = await setUp(t, split)
    assert.notEqual(await (await begin()).commit(), undefined)
    assert.deepEqual(await values(), ['1', '1'])
    assert.equal(client.counts.get('KvPrewrite'), split ? 2 : 1)
    assert.equal(client.counts.get('Tso'), split ? 2 : 1)
    await client.close()
    assert.equal(client.counts.get('KvCommit') ?? 0, split ? 2 : 0)
  }
})

for (const split of [false, true])
  for (const fault of ['loseRequest', 'loseAnswer'] as const)
    for (const [method, nth] of [
      ['KvPrewrite', 1],
      ['KvPrewrite', 2],
      ['KvCommit', 1],
      ['KvCommit', 2],
    ] as const) {
      if (!split && (method === 'KvCommit' || nth === 2)) continue
      const where = split ? 'two regions' : 'one region'
      test(`what a commit answers is so: ${fault} of ${method} ${nth}, ${where}`, { skip }, async (t) => {
        const { faults, begin, values } = await setUp(t, split)
        const txn = await begin()
        faults.plan(fault, method, nth)
        const committed = (await txn.commit()) !== undefined
        assert.deepEqual(await values(), committed ? ['1', '1'] : ['0', '0'])
        if (method === 'KvCommit') assert.ok(committed, 'sent again, it changes nothing')
        if (!split && fault === 'loseAnswer') assert.ok(committed, 'it was applied, and that is found out')
      })
    }

for (const [fault, method, nth, survives] of [
  ['dieBefore', 'KvPrewrite', 1, false],
  ['dieAfter', 'KvPrewrite', 1, false],
  ['dieBefore', 'KvPrewrite', 2, false],
  ['dieAfter', 'KvPrewrite', 2, false],
  ['dieBefore', 'KvCommit', 1, false],
  ['dieAfter', 'KvCommit', 1, true],
  ['dieBefore', 'KvCommit', 2, true],
] as const) {
  const title = `a client that dies leaves all or nothing, a second after its locks expire: ${fault} ${method} ${nth}`
  test(title, { skip }, async (t) => {
    const { faults, begin, values, other, a, b } = await setUp(t, true)
    const txn = await begin()
    faults.plan(fault, method, nth)
    const began = performance.now()
    await txn.commit().catch(() => {})
    assert.deepEqual(await values(), survives ? ['1', '1'] : ['0', '0'])
    const writer = await other.begin()
    writer.set(a, bytes('2'))
    writer.set(b, bytes('2'))
    assert.notEqual(await writer.commit(), undefined)
    assert.deepEqual(await values(), ['2', '2'])
    assert.ok(performance.now() - began < LIFE_MS + 1_000, `${performance.now() - began} ms`)
  })
}

test('of two that write the same key the first wins; who only guards it loses, too', { skip }, async (t) => {
  for (const split of [false, true]) {
    const { begin, other, values, a, b } = await setUp(t, split)
    const [slow, guarding] = [await begin(), await other.begin()]
    guarding.lockKeys(a)
    guarding.set(b, bytes('lost'))
    const fast = await other.begin()
    fast.set(a, bytes('fast'))
    assert.notEqual(await fast.commit(), undefined)
    assert.equal(await slow.commit(), undefined)
    assert.equal(await guarding.commit(), undefined)
    assert.deepEqual(await values(), ['fast', '0'])
  }
})

test('a transaction ends once, and writes no empty value', { skip }, async (t) => {
  const { begin, a } = await setUp(t, false)
  const txn = await begin()
  assert.throws(() => txn.set(a, bytes('')), { kind: 'invalid' })
  assert.equal((await txn.get(a))?.toString(), '1', 'its own writes are seen')
  txn.rollback()
  await assert.rejects(txn.commit(), { kind: 'invalid' })
})
