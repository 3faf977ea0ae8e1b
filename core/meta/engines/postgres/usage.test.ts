/** Totals are exact after crashes of the server, though they are summed here and written later. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { type PostgresServer, postgresMissing, startPostgres } from '../../../../e2e/harness/postgres.ts'
import type { PostgresEngine } from './engine.ts'
import { openPostgres } from './open.ts'

const skip = postgresMissing() ?? false
const FIRST = 100
const SPACE = 4096

let started: Promise<PostgresServer> | undefined
let databases = 0

/** A server that writes its log when it is asked to, and at no other time. */
function server(): Promise<PostgresServer> {
  return (started ??= startPostgres({ config: { wal_writer_delay: '10s', bgwriter_delay: '10s' } }))
}

after(async () => (await started)?.stop())

async function newVolume(): Promise<{ readonly url: string; readonly engine: PostgresEngine }> {
  const url = await (await server()).createDatabase(`usage_${databases++}`)
  const engine = await openPostgres(url)
  await engine.initialize()
  return { url, engine }
}

async function makeFile(engine: MetaEngine, ino: number): Promise<void> {
  const outcome = await engine.commit(
    'create',
    [{ kind: 'recordIs', key: { kind: 'node', ino }, is: null }],
    [
      { kind: 'putNode', ino, node: { ...sampleNode, type: 1, nlink: 1, parent: 1 }, fresh: true },
      { kind: 'addUsage', space: SPACE, inodes: 1 },
    ],
  )
  assert.ok(outcome.ok)
}

/** Totals as any client reads them, and a recount. */
async function totalsOf(engine: MetaEngine): Promise<readonly [number | null, number | null]> {
  const [inodes, space] = await engine.read([
    { kind: 'counter', name: 'totalInodes' },
    { kind: 'counter', name: 'usedSpace' },
  ])
  return [inodes, space]
}

test('a crash right after a sync takes no sums back', { skip, timeout: 60_000 }, async () => {
  const { url, engine } = await newVolume()
  const files = 5
  for (let k = 0; k < files; k++) {
    await makeFile(engine, FIRST + k)
    await engine.sync()
    await (await server()).restart()
  }
  const other = await openPostgres(url)
  assert.deepEqual(await totalsOf(other), [files, files * SPACE])
  await other.close()
  assert.deepEqual(await totalsOf(engine), [files, files * SPACE])
  await engine.close()
})

test('a server that is killed at any moment leaves totals equal to a recount', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { url, engine } = await newVolume()
  const random = seededRandom(7)
  const stop = new AbortController()
  let next = FIRST
  let made = 0
  const failures: string[] = []
  const loads = Array.from({ length: 4 }, async (_, k) => {
    while (!stop.signal.aborted) {
      await makeFile(engine, next++).then(
        () => made++,
        (error: unknown) => {
          failures.push(String(error))
          return sleep(5)
        },
      )
      if (k < 2 && below(random, 3) === 0) await engine.sync().catch(() => {})
    }
  })
  for (let kill = 0; kill < 12; kill++) {
    await sleep(50 + below(random, 500))
    await (await server()).restart()
  }
  await sleep(200)
  while (made <= 100) await sleep(20)
  stop.abort()
  await Promise.all(loads)
  await engine.close()
  t.diagnostic(`${made} files`)
  assert.deepEqual(failures, [])
  const count = Number(
    await (await server()).sql(new URL(url).pathname.slice(1), 'SELECT count(*) FROM jfs_node'),
  )
  const other = await openPostgres(url)
  assert.deepEqual(await totalsOf(other), [count, count * SPACE])
  await other.close()
})
