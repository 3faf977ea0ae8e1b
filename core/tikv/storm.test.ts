/** Counters of eight clients while regions split and change leaders five times a second, and stores stop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { startTikv, type TikvServer, tikvMissing } from '../../e2e/harness/tikv.ts'
import { startUnrest } from '../../e2e/harness/unrest.ts'
import { TxnClient } from './client.ts'
import { type LockInfo, lockFrom } from './kv-messages.ts'
import { Message, write } from './messages.ts'

const skip = tikvMissing() ?? false
const CLIENTS = 8
/** Of each. A long run does it all. */
const INCREMENTS = process.env.POMELO_TEST_LONG === '1' ? 1_000 : 100
const COUNTERS = 24
const PLACE = 'storm\xfd'

const keyOf = (counter: number): string => PLACE + String.fromCharCode(97 + counter)

test('no increment is lost and no lock left, whatever becomes of regions', {
  skip,
  timeout: 400_000,
}, async (t) => {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const server = await startTikv()
  t.after(() => server.stop())
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => TxnClient.connect([server.pd])))
  t.after(() => Promise.all(clients.map((client) => client.close())))
  const unrest = startUnrest(server, seed, (random) => keyOf(below(random, COUNTERS)))
  const { events } = unrest
  const isOver = (done: number): boolean => done >= INCREMENTS && events.stops > 0 && events.splits > 0
  const runs = await Promise.all(clients.map((client, k) => increments(client, seed + k, isOver)))
  await unrest.stop()
  const all = runs.reduce((sum, { done }) => sum + done, 0)
  const lost = runs.reduce((sum, { conflicts }) => sum + conflicts, 0)
  t.diagnostic(`${all} increments, ${lost} conflicts, ${JSON.stringify(events)}`)

  let sum = 0
  for (const { value } of await clients[0]!
    .getSnapshot()
    .scan({ start: PLACE, end: `${PLACE}\xff`, limit: 100 }))
    sum += Number(value.toString())
  assert.equal(sum, 2 * all)
  await sleep(3_200)
  for (const { value } of await clients[0]!
    .getSnapshot()
    .scan({ start: PLACE, end: `${PLACE}\xff`, limit: 100 }))
    assert.ok(Number(value.toString()) > 0)
  assert.deepEqual(await locks(server), [])
})

/** Each adds 1 to two counters at once. */
async function increments(client: TxnClient, seed: number, isOver: (done: number) => boolean) {
  const random = seededRandom(seed)
  const run = { done: 0, conflicts: 0 }
  while (!isOver(run.done)) {
    const first = below(random, COUNTERS)
    const keys = [keyOf(first), keyOf((first + 1 + below(random, COUNTERS - 1)) % COUNTERS)]
    const txn = await client.begin()
    const values = await txn.snapshot.batchGet(keys)
    for (const key of keys) txn.set(key, Buffer.from(String(Number(values.get(key)?.toString() ?? 0) + 1)))
    if ((await txn.commit()) !== undefined) run.done++
    else {
      run.conflicts++
      await sleep(random.next() * 10)
    }
  }
  return run
}

/** Locks that any transaction has under the place, of each region's leader. */
async function locks(server: TikvServer): Promise<readonly LockInfo[]> {
  const client = await TxnClient.connect([server.pd], {
    // The leader of each region is whom the client itself asks: look over its shoulder.
    wrap: (channel) => ({
      address: channel.address,
      open: (method, events) => channel.open(method, events),
      close: () => channel.close(),
      call: async (method, request, timeoutMs) => {
        if (method.endsWith('KvScan')) {
          const scan = new Message(request)
          const ask = write((writer) =>
            writer
              .bytes(1, scan.bytes(1))
              .number(2, 2n ** 64n - 1n)
              .bytes(3, scan.bytes(2))
              .number(4, 1000),
          )
          const reply = new Message(await channel.call('/tikvpb.Tikv/KvScanLock', ask, timeoutMs))
          for (const lock of reply.each(3)) found.push(lockFrom(new Message(lock)))
        }
        return channel.call(method, request, timeoutMs)
      },
    }),
  })
  const found: LockInfo[] = []
  await client.getSnapshot().scan({ start: PLACE, end: `${PLACE}\xff`, limit: 100 })
  await client.close()
  return found.filter(({ key }) => key.startsWith(PLACE))
}
