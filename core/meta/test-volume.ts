/**
 * For tests: a fresh volume on SQLite, in memory or in a file that several clients open. Nothing is faked but the
 * clock, which the test moves by hand unless it asks for the system's.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, ManualClock } from '#core/base/clock.ts'
import { type OpContext, rootContext } from '#core/base/context.ts'
import { errnoName, FsError } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { type Random, seededRandom } from '#core/base/random.ts'
import { CachedEngine } from './cached-engine.ts'
import type { MetaEngine } from './engine.ts'
import { createMetaState, formatVolume, type OpenMetaState, openEngine } from './open-meta.ts'
import { Session } from './sessions.ts'
import type { VolumeSetting } from './setting.ts'
import type { MetaOptions } from './state.ts'
import { VolumeMeta } from './volume-meta.ts'

export interface TestVolumeOptions<C extends Clock = ManualClock> {
  readonly setting?: Partial<VolumeSetting>
  readonly options?: Partial<MetaOptions>
  /** Default: a ManualClock. Races need `systemClock`, since whoever loses several sleeps. */
  readonly clock?: C
  readonly random?: Random
  readonly log?: Log
  /** Put something around the engine: count calls, fail some. */
  readonly wrap?: (engine: MetaEngine) => MetaEngine
  /** The same beneath the record cache. */
  readonly beneath?: (engine: MetaEngine) => MetaEngine
  /** A record cache before each client's engine: never trusted (`hint`), or trusted as when nobody else is there. */
  readonly cache?: 'none' | 'hint' | 'current'
}

const CACHE = (process.env.POMELO_TEST_CACHE ?? 'none') as 'none' | 'hint' | 'current'

export interface TestClient<C extends Clock = ManualClock> {
  readonly state: OpenMetaState
  readonly meta: VolumeMeta
  readonly engine: MetaEngine
  readonly clock: C
  /** Slices whose objects have been removed. */
  readonly removedSlices: { readonly id: number; readonly size: number }[]
  /** Wait for background work. */
  settle(): Promise<void>
  close(): Promise<void>
}

export const TEST_SETTING: VolumeSetting = {
  Name: 'test',
  UUID: '9a3b6e64-6f0c-4bd0-8f4e-3d0a5f0c9d11',
  Storage: 'mem',
  Bucket: '',
  BlockSize: 4096,
  TrashDays: 0,
  MetaVersion: 1,
  DirStats: true,
  UserGroupQuota: true,
  EnableACL: true,
}

const OPTIONS: MetaOptions = {
  readOnly: false,
  atimeMode: 'noatime',
  skipDirMtimeMs: 0,
  heartbeatSec: 0,
  noBackgroundJobs: true,
  maxDeletes: 2,
}

/** A volume in memory with one client that has a session. Trash is off unless the setting says otherwise. */
export async function openTestVolume<C extends Clock = ManualClock>(
  options: TestVolumeOptions<C> = {},
): Promise<TestClient<C>> {
  const engine = await openEngine(placeOf(SERVER) ?? 'sqlite3://:memory:')
  const setting = { ...TEST_SETTING, ...options.setting }
  const clock = (options.clock ?? new ManualClock()) as C
  await formatVolume(engine, setting, clock)
  if (setting.DirStats) await countRoot(engine)
  return openTestClient(engine, setting, clock, options)
}

/**
 * For running these suites over a server: an address with `{n}` where each volume puts another name, such as
 * `postgres://user@host/db?table_prefix=t{n}`, or `{db}` for a number from 0 in each process, such as
 * `redis://host/{db}` (one test file at a time, on a server of its own with enough databases).
 */
const SERVER = process.env.POMELO_TEST_META
let volumes = 0

/** Whether a slice with one user has a record: not where records count the users but one (Redis, TiKV, etcd). */
export const countsEverySlice = !/^(redis|tikv|etcd):/.test(SERVER ?? '')

function placeOf(server: string | undefined): string | undefined {
  const volume = volumes++
  return server?.replace('{n}', `${process.pid}_${volume}`).replace('{db}', String(volume))
}

/**
 * Statistics of the root from the beginning. A missing record is counted in the background, which waits for who changes
 * the entries meanwhile, and for other clients: in vain where the clock stands still.
 */
async function countRoot(engine: MetaEngine): Promise<void> {
  const stat = { length: 0, space: 0, inodes: 0 }
  await engine.commit('format', [], [{ kind: 'putDirStat', ino: ROOT_INO, stat }])
}

/** A volume in a file, and `count` clients of it, each with its own connection and session. */
export async function openTestClients<C extends Clock = ManualClock>(
  count: number,
  options: TestVolumeOptions<C> = {},
): Promise<{ readonly clients: readonly TestClient<C>[]; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-meta-'))
  const url = placeOf(SERVER) ?? `sqlite3://${join(folder, 'meta.db')}`
  const setting = { ...TEST_SETTING, ...options.setting }
  const clock = (options.clock ?? new ManualClock()) as C
  const clients: TestClient<C>[] = []
  for (let k = 0; k < count; k++) {
    const engine = await openEngine(url, { create: k === 0 })
    if (k === 0) {
      await formatVolume(engine, setting, clock)
      if (setting.DirStats) await countRoot(engine)
    }
    clients.push(await openTestClient(engine, setting, clock, options))
  }
  return {
    clients,
    async close() {
      for (const client of clients) await client.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** A client with a session on an engine of the caller's, for a volume formatted with `setting`. */
export async function openTestClient<C extends Clock>(
  bare: MetaEngine,
  setting: VolumeSetting,
  clock: C,
  { options, random = seededRandom(1), log = silentLog, wrap, beneath, cache = CACHE }: TestVolumeOptions<C>,
): Promise<TestClient<C>> {
  const metrics = new Metrics()
  const asked = beneath?.(bare) ?? bare
  const cached = cache === 'none' ? asked : new CachedEngine(asked, { records: 10_000, clock, log, metrics })
  if (cache === 'current' && cached instanceof CachedEngine) cached.alone(cached.now())
  const engine = wrap?.(cached) ?? cached
  const removedSlices: { id: number; size: number }[] = []
  const state = createMetaState({
    engine,
    setting,
    clock,
    random,
    log,
    options: { ...OPTIONS, ...options },
    removeSlice: async (id, size) => void removedSlices.push({ id, size }),
  })
  const session = new Session(state, '{}')
  await session.open()
  return {
    state,
    meta: new VolumeMeta(state),
    engine,
    clock,
    removedSlices,
    async settle() {
      await state.tasks.drain()
      await engine.sync() // usage that is written in batches
    },
    async close() {
      state.accounts.stop()
      await session.close()
      await state.tasks.drain()
      await engine.close()
    },
  }
}

/** A caller whose rights our own code checks, as behind a squash option. */
export function checkedUser(uid: number, gid = uid, groups: readonly number[] = [gid]): OpContext {
  return { ...rootContext(), uid, gid, groups, checkPermission: true, interrupted: false }
}

/** A caller that the kernel has checked already. */
export function plainUser(uid: number, gid = uid): OpContext {
  return { ...rootContext(), uid, gid, groups: [gid], interrupted: false }
}

/** TiKV holds no empty values. */
export const SMALLEST_VALUE: Uint8Array = SERVER?.startsWith('tikv:') ? Uint8Array.of(0) : new Uint8Array()

/** Let the time pass, and what waited for it do its work: with a server that takes a moment by any clock. */
export async function pass(clock: ManualClock, ms: number): Promise<void> {
  await clock.advance(ms)
  if (SERVER !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Wait for what a loop of the client's does after its clock was moved: a server answers in its own time. */
export async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await done())) {
    assert.ok(performance.now() < deadline, 'it did not happen')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** `promise` must be refused with that errno. */
export async function refuses(errno: number, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    if (!(error instanceof FsError)) throw error
    assert.equal(errnoName(error.errno), errnoName(errno), error.message)
    return true
  })
}
