/** What operations cost in round trips to a real server, counted on the connection itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { Metrics } from '#core/base/metrics.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { postgresMissing, startPostgres } from '../../e2e/harness/postgres.ts'
import { redisMissing, startRedis } from '../../e2e/harness/redis.ts'
import { formatVolume, openEngine } from './open-meta.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { openTestClient, TEST_SETTING } from './test-volume.ts'
import type { VolumeMeta } from './volume-meta.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const
const ENTRIES = 1000
const ROUNDS = 40
const LOOKS = ['lookup', 'lookup of what is not there', 'getattr', 'open']

const servers = {
  redis: {
    missing: redisMissing,
    start: async () => {
      const server = await startRedis({ appendonly: 'no' })
      return { url: server.url(), stop: () => server.stop() }
    },
  },
  postgres: {
    missing: postgresMissing,
    start: async () => {
      const server = await startPostgres()
      return { url: `${await server.createDatabase('volume')}&max_open_conns=1`, stop: () => server.stop() }
    },
  },
} as const

interface Client extends AsyncDisposable {
  readonly meta: VolumeMeta
  /** Round trips of some work, but those of background jobs. */
  trips(work: () => Promise<unknown>): Promise<number>
}

async function clientOf(url: string, format: boolean): Promise<Client> {
  const metrics = new Metrics()
  const bare = await openEngine(url, { metrics })
  if (format) await formatVolume(bare, TEST_SETTING, systemClock)
  const client = await openTestClient(bare, TEST_SETTING, systemClock, {
    cache: 'current',
    clock: systemClock,
  })
  const counter = metrics.counter('meta_round_trips')
  return {
    meta: client.meta,
    async trips(work) {
      await client.settle()
      const before = counter.value
      await work()
      return counter.value - before
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

function onEach(what: string, work: (t: test.TestContext, url: string) => Promise<void>): void {
  for (const [name, { missing, start }] of Object.entries(servers))
    test(`${what}: ${name}`, { skip: missing() ?? false, timeout: 120_000 }, async (t) => {
      const server = await start()
      try {
        await work(t, server.url)
      } finally {
        await server.stop()
      }
    })
}

onEach('on a cache that is current a mutation is one round trip, a look none', async (t, url) => {
  await using client = await clientOf(url, true)
  const { meta, trips } = client
  const least: Record<string, number> = {}
  const isWanted = (what: string): boolean => least[what] === (LOOKS.includes(what) ? 0 : 1)
  // The best counts: a connection to PostgreSQL learns each shape of commit once, and usage is written now and then.
  for (let round = 0; round < ROUNDS && !(round > 0 && Object.keys(least).every(isWanted)); round++) {
    const { ino: a } = await meta.mknod(root, 1, `a${round}`, dir)
    const { ino: b } = await meta.mknod(root, 1, `b${round}`, dir)
    const { ino: f } = await meta.create(root, a, 'f', 0o644, O_RDWR)
    const slice = { pos: 0, id: await meta.newSlice(), size: 9, off: 0, len: 9 }
    const work: Record<string, () => Promise<unknown>> = {
      lookup: () => meta.lookup(root, a, 'f'),
      'lookup of what is not there': () => meta.lookup(root, a, 'nothing'),
      getattr: () => meta.getattr(root, f),
      open: () => meta.open(root, f, O_RDWR),
      create: () => meta.create(root, a, 'g', 0o644, O_RDWR),
      mkdir: () => meta.mknod(root, a, 'd', dir),
      'write-commit': () => meta.writeSlice(f, 0, [slice], { sec: 1, nsec: 0 }),
      chmod: () => meta.setattr(root, f, { mode: 0o600 }),
      link: () => meta.link(root, f, b, 'f'),
      rename: () => meta.rename(root, a, 'g', b, 'g', 0),
      'rename over another': () => meta.rename(root, b, 'g', b, 'f', 0),
      unlink: () => meta.unlink(root, a, 'f'),
      rmdir: () => meta.rmdir(root, a, 'd'),
    }
    for (const [what, once] of Object.entries(work)) {
      const count = await trips(once)
      least[what] = Math.min(count, least[what] ?? count)
    }
  }
  t.diagnostic(JSON.stringify(least))
  for (const what of Object.keys(least)) assert.ok(isWanted(what), `${what}: ${least[what]}`)
})

onEach('who has seen nothing asks once for a name, and seldom for a directory', async (t, url) => {
  await using maker = await clientOf(url, true)
  const { ino: top } = await maker.meta.mknod(root, 1, 'top', dir)
  await Promise.all(Array.from({ length: ENTRIES }, (_, k) => maker.meta.mknod(root, top, `f${k}`, file)))
  const { ino: f } = await maker.meta.mknod(root, 1, 'f', file)
  await using client = await clientOf(url, false)
  const { meta, trips } = client
  assert.equal(await trips(() => meta.lookup(root, 1, 'top')), 1, 'lookup')
  assert.equal(await trips(() => meta.getattr(root, f)), 1, 'getattr')
  const listed = await trips(async () => {
    const { items } = await meta.readdir(root, top, { limit: 2 * ENTRIES }, true)
    assert.equal(items.length, ENTRIES)
  })
  t.diagnostic(`${ENTRIES} entries with their attributes: ${listed}`)
  assert.ok(listed <= 3, `readdir: ${listed}`)
  assert.equal(await trips(() => meta.lookup(root, top, 'f7')), 0, 'lookup of what was listed')
  assert.ok((await trips(() => meta.rename(root, top, 'f7', top, 'g7', 0))) <= 2, 'rename')
})
