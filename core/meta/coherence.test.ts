/** Record caches of clients that share a Redis server: what it costs, and that no change by others stays unseen. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { FsError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { type RedisServer, redisMissing, startRedis } from '../../e2e/harness/redis.ts'
import type { DirItem } from './api.ts'
import { CachedEngine } from './cached-engine.ts'
import type { ChangedScope, Page } from './engine.ts'
import { formatVolume, openEngine } from './open-meta.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { watched } from './test-engine.ts'
import { problemsOf } from './test-invariants.ts'
import { openTestClient, TEST_SETTING, type TestClient } from './test-volume.ts'

const skip = redisMissing() ?? false
const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const
/** A push comes within a moment, and the second look at our own changes soon after. */
const SETTLED_MS = 250

let server: RedisServer | undefined
let databases = 0
after(() => server?.stop())

interface Member extends TestClient<typeof systemClock> {
  readonly engine: CachedEngine
  readonly calls: string[]
}

/** Clients of one fresh volume, each with a cache that hears of changes. */
async function team(t: TestContext, count: number): Promise<readonly Member[]> {
  server ??= await startRedis({ databases: '64', appendonly: 'no' })
  const url = server.url(databases++)
  const members: Member[] = []
  for (let k = 0; k < count; k++) {
    const bare = await openEngine(url)
    if (k === 0) await formatVolume(bare, TEST_SETTING, systemClock)
    const { wrap: beneath, calls } = watched()
    const client = await openTestClient(bare, TEST_SETTING, systemClock, {
      beneath,
      cache: 'hint',
      clock: systemClock,
      random: seededRandom(k),
    })
    const { engine } = client
    assert.ok(engine instanceof CachedEngine)
    await engine.listen()
    members.push({ ...client, engine, calls })
  }
  t.after(async () => {
    for (const member of members) await member.close()
  })
  return members
}

async function cost({ calls }: Member, work: () => Promise<unknown>): Promise<string> {
  calls.length = 0
  await work()
  return calls.join(', ')
}

test('tracked: a repeated lookup asks nobody, a mutation asks once', { skip, timeout: 60_000 }, async (t) => {
  const [a, b] = await team(t, 2)
  const { ino: top } = await a!.meta.mknod(root, 1, 'top', dir)
  await a!.settle()
  await sleep(SETTLED_MS)
  assert.equal(await cost(a!, () => a!.meta.create(root, top, 'f', 0o644, O_RDWR)), 'commit create')
  assert.equal(await cost(a!, () => a!.meta.lookup(root, top, 'f')), '')
  assert.equal(await cost(a!, () => a!.meta.mknod(root, top, 'd', dir)), 'commit mkdir')
  await sleep(SETTLED_MS)
  assert.equal(await cost(b!, () => b!.meta.lookup(root, top, 'f')), 'read')
  assert.equal(await cost(b!, () => b!.meta.lookup(root, top, 'f')), '')
  assert.equal(await cost(b!, () => b!.meta.rename(root, top, 'f', top, 'g', 0)), 'read, commit rename')
  await sleep(SETTLED_MS)
  assert.equal(await a!.meta.lookup(root, top, 'f'), undefined)
  assert.equal(await cost(a!, () => a!.meta.unlink(root, top, 'g')), 'read, commit unlink')
})

test('a change by another client is told, ours are not', { skip, timeout: 60_000 }, async (t) => {
  const [a, b] = await team(t, 2)
  const { ino: top } = await a!.meta.mknod(root, 1, 'top', dir)
  const told: ChangedScope[] = []
  await sleep(SETTLED_MS)
  await a!.engine.subscribe({ changed: (scopes) => void told.push(...scopes), listening() {}, deaf() {} })
  for (let k = 0; k < 50; k++) await a!.meta.mknod(root, top, `a${k}`, file)
  await sleep(SETTLED_MS)
  assert.deepEqual(told, [])
  const { ino } = await b!.meta.mknod(root, top, 'b', file)
  await sleep(SETTLED_MS)
  for (const scope of [
    { kind: 'entries', parent: top },
    { kind: 'node', ino },
    { kind: 'node', ino: top },
  ])
    assert.ok(
      told.some((one) => JSON.stringify(one) === JSON.stringify(scope)),
      `${JSON.stringify(scope)} in ${JSON.stringify(told)}`,
    )
})

for (const seed of [1, 2, 3]) {
  test(`after a storm of changes by three clients every cached answer is true (seed ${seed})`, {
    skip,
    timeout: 120_000,
  }, async (t) => {
    const members = await team(t, 3)
    const random = seededRandom(seed)
    const tops: Ino[] = []
    for (const name of ['x', 'y']) tops.push((await members[0]!.meta.mknod(root, 1, name, dir)).ino)
    const names = Array.from({ length: 12 }, (_, k) => `n${k}`)
    for (let round = 0; round < 12; round++) {
      await Promise.all(members.map((member) => storm(member, tops, names, random)))
      await sleep(SETTLED_MS)
      for (const [k, member] of members.entries())
        await compare(member, tops, names, `round ${round}, client ${k}`)
    }
    for (const member of members) await member.settle()
    assert.deepEqual(await problemsOf(members[0]!.engine), [])
    const hits = members.map(({ calls }) => calls.length)
    t.diagnostic(`calls of the last round: ${hits.join(', ')}`)
  })
}

/** Changes at random, whatever they answer: only surprises count. */
async function storm(
  { meta }: Member,
  tops: readonly Ino[],
  names: readonly string[],
  random: ReturnType<typeof seededRandom>,
): Promise<void> {
  const one = <T>(of: readonly T[]): T => of[below(random, of.length)]!
  for (let k = 0; k < 40; k++) {
    const [parent, to, name, other] = [one(tops), one(tops), one(names), one(names)]
    const action = below(random, 7)
    try {
      if (action === 0) await meta.mknod(root, parent, name, file)
      else if (action === 1) await meta.mknod(root, parent, name, dir)
      else if (action === 2) await meta.unlink(root, parent, name)
      else if (action === 3) await meta.rmdir(root, parent, name)
      else if (action === 4) await meta.rename(root, parent, name, to, other, 0)
      else {
        const found = await meta.lookup(root, parent, name)
        if (found !== undefined && action === 5)
          await meta.setattr(root, found.ino, { mode: 0o600 + below(random, 8) })
        else if (found?.node.type === TYPE_FILE) await meta.link(root, found.ino, to, other)
      }
    } catch (error) {
      if (!(error instanceof FsError)) throw error
    }
  }
}

/** What the cache answers as current, and what the server says. */
async function compare(
  { engine, meta }: Member,
  tops: readonly Ino[],
  names: readonly string[],
  when: string,
): Promise<void> {
  for (const parent of tops) {
    const answered = await Promise.all(names.map((name) => meta.lookup(root, parent, name)))
    for (const [k, name] of names.entries()) {
      const [truth] = await engine.uncached.read([{ kind: 'entry', parent, name }])
      const got = answered[k]
      assert.deepEqual(
        got && { ino: got.ino, node: bare(got.node) },
        truth === null ? undefined : { ino: truth.ino, node: truth.node && bare(truth.node) },
        `${name} in ${parent}: ${when}`,
      )
    }
    const page = { limit: 3 * names.length }
    const listed = await meta.readdir(root, parent, page, true)
    const truth = await engine.uncached.list({ kind: 'entries', parent }, page)
    const plain = ({ items }: Page<DirItem>) =>
      items.map(({ node, ...edge }) => ({ ...edge, node: node && bare(node) }))
    assert.deepEqual(plain(listed), plain(truth), `listing of ${parent}: ${when}`)
    const [node] = await engine.uncached.read([{ kind: 'node', ino: parent }])
    assert.deepEqual(
      bare(await meta.getattr(root, parent)),
      node && bare(node),
      `directory ${parent}: ${when}`,
    )
  }
}

function bare(node: object): object {
  return { ...node, raw: undefined }
}
