/** What operations cost in requests to stores and timestamps of PD, in a volume that is known here. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import type { RecordKey } from '#core/meta/engine.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { openTestClient, TEST_SETTING } from '#core/meta/test-volume.ts'
import { TxnClient } from '#core/tikv/client.ts'
import { startTikv, tikvMissing } from '../../../../e2e/harness/tikv.ts'
import { TkvEngine } from './engine.ts'
import { TikvStore } from './tikv-store.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const
/** Sums of usage are written a tenth of a second later and would count: the cheapest of a few tries is the cost. */
const TRIES = 15

async function setUp(t: TestContext) {
  const server = await startTikv()
  const client = await TxnClient.connect([server.pd])
  const engine = new TkvEngine({ store: new TikvStore(client, server.pd), prefix: 'trips\xfd' })
  await formatVolume(engine, TEST_SETTING)
  // Else they are counted in the background, which guards what the test changes.
  const stat = { length: 0, space: 0, inodes: 0 }
  await engine.commit('format', [], [{ kind: 'putDirStat', ino: 1, stat }])
  const { meta, close } = await openTestClient(engine, TEST_SETTING, systemClock, { cache: 'current' })
  t.after(async () => {
    await close()
    await server.stop()
  })
  const reads = ['KvGet', 'KvBatchGet', 'KvScan']
  const costOf = async (work: (k: number) => Promise<unknown>) => {
    let best = { reads: 99, prewrites: 99, others: 99, timestamps: 99 }
    for (let k = 0; k < TRIES; k++) {
      await engine.sync()
      const before = client.counts
      await work(k)
      const cost = { reads: 0, prewrites: 0, others: 0, timestamps: 0 }
      for (const [method, count] of client.counts) {
        const kind = reads.includes(method) ? 'reads' : KINDS[method]
        cost[kind ?? 'others'] += count - (before.get(method) ?? 0)
      }
      const sum = (one: typeof cost): number => one.reads + one.prewrites + one.others + one.timestamps
      if (sum(cost) < sum(best)) best = cost
    }
    return best
  }
  return { engine, meta, costOf }
}

const KINDS: Readonly<Record<string, 'prewrites' | 'timestamps'>> = {
  KvPrewrite: 'prewrites',
  Tso: 'timestamps',
}

test('a lookup asks for no timestamp; changes of a warm directory read once and write once', {
  skip: tikvMissing() ?? false,
}, async (t) => {
  const { engine, meta, costOf } = await setUp(t)
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  const { ino: b } = await meta.mknod(root, 1, 'b', dir)
  for (let k = 0; k < TRIES; k++) await meta.mknod(root, a, `f${k}`, file)
  const once = { reads: 1, prewrites: 1, others: 0, timestamps: 1 }
  const blind = { ...once, reads: 0 }
  assert.deepEqual(await costOf((k) => meta.mknod(root, a, `g${k}`, file)), blind)
  assert.deepEqual(await costOf((k) => meta.mknod(root, a, `d${k}`, dir)), blind)
  assert.deepEqual(await costOf((k) => meta.rename(root, a, `f${k}`, b, `f${k}`, 0)), once)
  const none = { reads: 0, prewrites: 0, others: 0, timestamps: 0 }
  assert.deepEqual(await costOf(() => meta.lookup(root, b, 'f0')), none, 'it is known here')
  const cold = (key: RecordKey) => costOf(() => engine.read([key]))
  assert.deepEqual(await cold({ kind: 'node', ino: a }), { ...none, reads: 1 })
  assert.deepEqual(await cold({ kind: 'entry', parent: b, name: 'none' }), { ...none, reads: 1 })
  assert.deepEqual(
    await cold({ kind: 'entry', parent: b, name: 'f0' }),
    { ...none, reads: 2 },
    'name, then node',
  )
})
