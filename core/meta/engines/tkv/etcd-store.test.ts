/** What is etcd's own: answers that are lost, servers that end, history that is thrown away, transactions that are too large. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { systemRandom } from '#core/base/random.ts'
import type { Change } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { openTestClient, TEST_SETTING } from '#core/meta/test-volume.ts'
import type { Channel } from '#core/tikv/channel.ts'
import { write } from '#core/tikv/messages.ts'
import { Faults } from '#core/tikv/test-faults.ts'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../../e2e/harness/etcd.ts'
import { freePort } from '../../../../e2e/harness/servers.ts'
import { TkvEngine } from './engine.ts'
import { EtcdClient } from './etcd-client.ts'
import { EtcdStore } from './etcd-store.ts'
import { parseEtcdUrl } from './etcd-url.ts'
import { openEtcd } from './open-etcd.ts'

const skip = etcdMissing() ?? false
const limits = { skip, timeout: 120_000 }

async function start(t: TestContext, flags?: readonly string[]): Promise<EtcdServer> {
  const server = await startEtcd(flags)
  t.after(() => server.stop())
  return server
}

/** Connections, and what is done when one has just lost something. */
interface Wires {
  readonly faults?: Faults
  readonly errors?: string[]
  onLoss?: () => Promise<unknown>
}

async function connect(t: TestContext, url: string, wires: Wires = {}): Promise<EtcdClient> {
  const wrap = (bare: Channel): Channel => {
    const channel = wires.faults?.wrap(bare) ?? bare
    return {
      address: channel.address,
      open: (method, events) => channel.open(method, events),
      close: () => channel.close(),
      call: async (...request) => {
        try {
          return await channel.call(...request)
        } catch (error) {
          wires.errors?.push(String(error))
          await wires.onLoss?.()
          throw error
        }
      },
    }
  }
  const client = await EtcdClient.connect(parseEtcdUrl(url), {
    clock: systemClock,
    random: systemRandom,
    wrap,
  })
  t.after(() => client.close())
  return client
}

async function open(t: TestContext, url: string, wires?: Wires): Promise<EtcdStore> {
  return new EtcdStore(await connect(t, url, wires), parseEtcdUrl(url).prefix)
}

/** Throw away everything before the newest revision. */
async function compact(client: EtcdClient): Promise<void> {
  const status = await client.ask('Maintenance/Status', Buffer.alloc(0))
  const revision = status.message(1)!.number(3)
  await client.ask(
    'KV/Compact',
    write((writer) => writer.number(1, revision).number(2, 1)),
  )
}

/** Add one as clients do; false when another was faster. */
async function increment(by: EtcdStore, key: string, meanwhile?: () => Promise<unknown>): Promise<boolean> {
  const transaction = await by.begin()
  const [value] = await transaction.get([key])
  await meanwhile?.()
  const next = Number(value ?? 0) + 1
  return transaction.commit([], new Map([[key, Buffer.from(String(next))]]))
}

async function countAt(by: EtcdStore, key: string): Promise<number> {
  return Number((await by.get([key]))[0])
}

test('a commit whose request or answer was lost is made once, and known to be', limits, async (t) => {
  const url = (await start(t)).url('lost')
  const faults = new Faults()
  const store = await open(t, url, { faults })
  for (const fault of ['loseRequest', 'loseAnswer', 'loseAnswer'] as const) {
    faults.plan(fault, 'Txn')
    assert.equal(await increment(store, '/lost\xfdn'), true, fault)
  }
  assert.equal(await countAt(store, '/lost\xfdn'), 3)
})

test(
  'what others wrote is not taken for a commit whose answer was lost, nor the other way round',
  limits,
  async (t) => {
    const url = (await start(t)).url('mixed')
    const key = '/mixed\xfdn'
    const wires: Wires = { faults: new Faults() }
    const [mine, other] = [await open(t, url, wires), await open(t, url)]

    wires.faults!.plan('loseRequest', 'Txn')
    assert.equal(
      await increment(mine, key, () => increment(other, key)),
      false,
      'the value is what it would be',
    )
    assert.equal(await countAt(other, key), 1)

    wires.onLoss = async () => {
      for (let k = 0; k < 3; k++) assert.equal(await increment(other, key), true)
    }
    wires.faults!.plan('loseAnswer', 'Txn')
    assert.equal(await increment(mine, key), true, 'it is found behind those of others')
    assert.equal(await countAt(other, key), 5)
    wires.faults!.plan('loseRequest', 'Txn')
    assert.equal(await increment(mine, key), false, 'it is not among those of others')
    assert.equal(await countAt(other, key), 8)

    const admin = await connect(t, url)
    wires.onLoss = async () => {
      await increment(other, key)
      await compact(admin)
    }
    wires.faults!.plan('loseAnswer', 'Txn')
    await assert.rejects(increment(mine, key), {
      kind: 'unavailable',
      message: /whether a change was made whose answer was lost could not be found out/,
    })
  },
)

test(
  'a moment that etcd has thrown away is no ground for a commit, and another is found',
  limits,
  async (t) => {
    const url = (await start(t)).url('gone')
    const errors: string[] = []
    const engine = new TkvEngine({ store: await open(t, url, { errors }), prefix: '/gone\xfd' })
    t.after(() => engine.close())
    const other = await open(t, url)
    const admin = await connect(t, url)
    const chmod = (ino: number) =>
      engine.commit(
        'setattr',
        [{ kind: 'nodeIs', ino, is: null }],
        [{ kind: 'putNode', ino, node: sampleNode }],
      )
    for (let ino = 1; !errors.some((error) => /has been compacted/.test(error)); ino += 2) {
      assert.ok(ino < 200, 'no commit began where the one before it had ended')
      assert.ok((await chmod(ino)).ok)
      await increment(other, '/gone\xfdn')
      await compact(admin)
      assert.ok((await chmod(ino + 1)).ok)
    }
    const transaction = await other.begin()
    await increment(other, '/gone\xfdn')
    await compact(admin)
    await assert.rejects(transaction.get(['/gone\xfdn']), { kind: 'conflict' })
  },
)

test(
  'commits at once stay below what etcd takes, and one that is larger by itself is told why',
  limits,
  async (t) => {
    const engine = await openEtcd((await start(t)).url('large'))
    t.after(() => engine.close())
    const put = (ino: number): Change => ({ kind: 'putNode', ino, node: sampleNode })
    const files = Array.from({ length: 300 }, (_, k) =>
      engine.commit(
        'test',
        [],
        [put(3 * k + 1), put(3 * k + 2), put(3 * k + 3), { kind: 'delXattrs', ino: k }],
      ),
    )
    assert.ok((await Promise.all(files)).every(({ ok }) => ok))
    const wide = Array.from({ length: 30 }, (_, k) =>
      engine.commit(
        'test',
        [],
        Array.from({ length: 40 }, (_, n) => put(2000 + 40 * k + n)),
      ),
    )
    assert.ok((await Promise.all(wide)).every(({ ok }) => ok))
    const all = Array.from({ length: 200 }, (_, k) => put(k + 1))
    await assert.rejects(engine.commit('test', [], all), {
      kind: 'invalid',
      message: /more keys than etcd takes at once; start etcd with a larger --max-txn-ops/,
    })
    const [node] = await engine.read([{ kind: 'node', ino: 3199 }])
    assert.notEqual(node, null)
    assert.deepEqual(
      (await engine.examine!()).map(({ level, code }) => [level, code]),
      [
        ['ok', 'etcd-server'],
        ['note', 'etcd-transactions'],
      ],
    )
  },
)

test(
  'no increment is lost or made twice while members of a cluster are killed and come back',
  limits,
  async (t) => {
    const members = await startMembers(3)
    t.after(() => Promise.all(members.map((member) => member.stop())))
    const url = `etcd://${members.map(({ endpoint }) => endpoint).join(',')}/cluster`
    const key = '/cluster\xfdn'
    let made = 0
    let isOver = false
    const more = async (): Promise<void> => {
      for (const goal = made + 5; made < goal; ) await sleep(10)
    }
    const count = async (): Promise<void> => {
      const store = await open(t, url)
      while (!isOver) if (await increment(store, key)) made++
    }
    const counting = Promise.all([count(), count(), count(), count()])
    for (const member of members) {
      await more()
      await member.kill()
      await more()
      await member.restart()
    }
    isOver = true
    await counting
    assert.equal(await countAt(await open(t, url), key), made)
  },
)

test('a creation in a warm directory is one request, other changes there are two', limits, async (t) => {
  const url = (await start(t)).url('trips')
  let requests = 0
  const store = new EtcdStore(await connect(t, url), '/trips\xfd', () => requests++)
  const engine = new TkvEngine({ store, prefix: '/trips\xfd' })
  await formatVolume(engine, TEST_SETTING)
  // Else they are counted in the background.
  const stat = { length: 0, space: 0, inodes: 0 }
  await engine.commit('format', [], [{ kind: 'putDirStat', ino: 1, stat }])
  const { meta, close } = await openTestClient(engine, TEST_SETTING, systemClock, { cache: 'current' })
  // Sums of usage are written a tenth of a second later and would count: the cheapest of a few tries is the cost.
  const costOf = async (work: (k: number) => Promise<unknown>): Promise<number> => {
    let least = Number.POSITIVE_INFINITY
    for (let k = 0; k < 15; k++) {
      await engine.sync()
      const before = requests
      await work(k)
      least = Math.min(least, requests - before)
    }
    return least
  }
  const [dir, file] = [
    { type: TYPE_DIRECTORY, mode: 0o755 } as const,
    { type: TYPE_FILE, mode: 0o644 } as const,
  ]
  const root = rootContext()
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  const { ino: b } = await meta.mknod(root, 1, 'b', dir)
  try {
    assert.equal(await costOf((k) => meta.mknod(root, a, `f${k}`, file)), 1)
    assert.equal(await costOf((k) => meta.rename(root, a, `f${k}`, b, `f${k}`, 0)), 2)
    assert.equal(await costOf(() => engine.read([{ kind: 'node', ino: a }])), 1)
    assert.equal(await costOf(() => engine.read([{ kind: 'entry', parent: b, name: 'none' }])), 1)
  } finally {
    await close() // while the server is there
  }
})

/** One cluster. */
async function startMembers(count: number): Promise<readonly EtcdServer[]> {
  const peers = await Promise.all(
    Array.from({ length: count }, async () => `http://127.0.0.1:${await freePort()}`),
  )
  const cluster = peers.map((peer, k) => `m${k}=${peer}`).join(',')
  const flags = (k: number) => [
    ...['--name', `m${k}`, '--initial-cluster', cluster],
    ...['--listen-peer-urls', peers[k]!, '--initial-advertise-peer-urls', peers[k]!],
  ]
  return Promise.all(peers.map((_, k) => startEtcd(flags(k))))
}
