/**
 * The metadata engines that suites on mounts run over. A suite is written once and asks `useEngines`; servers are
 * private, start when a test first makes a volume on them, and end with the test file.
 */
import { join } from 'node:path'
import { after } from 'node:test'
import { below } from '#core/base/random.ts'
import { etcdMissing, startEtcd } from './etcd.ts'
import { postgresMissing, startPostgres } from './postgres.ts'
import { redisMissing, startRedis } from './redis.ts'
import { startTikv, tikvMissing } from './tikv.ts'
import { someInodeKey, startUnrest } from './unrest.ts'
import { makeVolume, placeForVolume, type TestVolume } from './volume.ts'

/** `npm test -- --long` and the nightly scripts: every suite whole on every engine. */
export const isLong: boolean = process.env.POMELO_TEST_LONG === '1'

/** Whatever runs on TiKV does so while regions split and change leaders and stores stop: `npm run test:regions`. */
const inMotion = process.env.POMELO_TIKV_UNREST === '1'

/** What a test can do to a server of metadata. */
export interface ServerFaults {
  /** kill -9. */
  kill(): Promise<void>
  /** Once more at the same address on the same data. */
  restart(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** Refuse writes, as a replica does, or for lack of room; absent where a test cannot bring that about. */
  setReadOnly?(on: boolean): Promise<void>
  setFull?(on: boolean): Promise<void>
}

/** A running server of metadata, or the place where files stand for one. */
export interface EngineServer {
  /** Do work while regions do not move, where they do. */
  quietly?<T>(work: () => Promise<T>): Promise<T>
  /** Absent where there is no server. */
  readonly faults?: ServerFaults
  /** Address of a new empty place; SQLite's file lies in `folder`. */
  newMeta(folder: string): Promise<string>
  stop(): Promise<void>
}

export interface TestEngine {
  readonly name: 'sqlite3' | 'redis' | 'postgres' | 'tikv' | 'etcd'
  /** Why it cannot run here, to skip under; undefined when it can. */
  missing(): string | undefined
  start(): Promise<EngineServer>
  /** The volume's totals are right after a kill -9 of a mount; else `fsck --repair` counts them anew. */
  readonly keepsTotals: boolean
}

/** Redis has 16 databases unless told otherwise; one is used a volume. */
const REDIS_DATABASES = 512

const sqlite: TestEngine = {
  name: 'sqlite3',
  keepsTotals: true,
  missing: () => undefined,
  start: async () => ({
    newMeta: async (folder) => `sqlite3://${join(folder, 'meta.db')}`,
    stop: async () => {},
  }),
}

const redis: TestEngine = {
  name: 'redis',
  keepsTotals: true,
  missing: redisMissing,
  start: async () => {
    const server = await startRedis({ databases: String(REDIS_DATABASES) })
    let used = 0
    return { faults: server, newMeta: async () => server.url(used++), stop: () => server.stop() }
  },
}

const postgres: TestEngine = {
  name: 'postgres',
  // Every commit would wait for the others' otherwise: core/meta/engines/postgres/usage.ts.
  keepsTotals: false,
  missing: postgresMissing,
  start: async () => {
    const server = await startPostgres()
    let used = 0
    return {
      faults: server,
      newMeta: () => server.createDatabase(`volume_${used++}`),
      stop: () => server.stop(),
    }
  },
}

const tikv: TestEngine = {
  name: 'tikv',
  // As on PostgreSQL: core/meta/engines/tkv/usage.ts.
  keepsTotals: false,
  missing: tikvMissing,
  start: async () => {
    const server = await startTikv()
    let used = 0
    const unrest = inMotion
      ? startUnrest(server, 1, (random) => someInodeKey(`volume_${below(random, Math.max(1, used))}`, random))
      : undefined
    return {
      ...(unrest && { quietly: unrest.quietly }),
      newMeta: async () => server.url(`volume_${used++}`),
      stop: async () => {
        await unrest?.stop()
        await server.stop()
      },
    }
  },
}

const etcd: TestEngine = {
  name: 'etcd',
  // As on PostgreSQL: core/meta/engines/tkv/usage.ts.
  keepsTotals: false,
  missing: etcdMissing,
  start: async () => {
    const server = await startEtcd()
    let used = 0
    return {
      faults: server,
      newMeta: async () => server.url(`volume_${used++}`),
      stop: () => server.stop(),
    }
  },
}

export const engines: readonly TestEngine[] = [sqlite, redis, postgres, tikv, etcd]
/** In short runs only where a suite asks for all engines: few have the Go that TiKV's stand-in is made with, or etcd. */
const SELDOM: readonly TestEngine[] = [tikv, etcd]

/** An engine as the tests of one file use it. */
export interface UsedEngine {
  readonly name: TestEngine['name']
  /** For `test(name, { skip }, …)`. */
  readonly skip: string | false
  readonly keepsTotals: boolean
  /** Whether a suite runs whole on it; else a part of it that is quick and still meets every kind of operation. */
  readonly inFull: boolean
  /** For work of other programs that do not bear what the test does to the server all the while. */
  quietly<T>(work: () => Promise<T>): Promise<T>
  /** A folder and an address for a volume that another program formats. */
  placeForVolume(): Promise<TestVolume>
  /** What can be done to its server, started if need be; undefined where there is none. */
  faults(): Promise<ServerFaults | undefined>
  /** Format a volume in a fresh temporary folder; `args` are options of `pomelo format`. */
  makeVolume(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<TestVolume>
}

/**
 * The engines for the tests of a file; call at its top, before tests are declared. `all`: in short runs, too.
 * POMELO_TEST_ENGINES (names, with commas between) narrows them.
 */
export function useEngines({ all = isLong } = {}): readonly UsedEngine[] {
  const wanted = process.env.POMELO_TEST_ENGINES?.split(',')
  const isWanted = (engine: TestEngine): boolean =>
    wanted?.includes(engine.name) ?? (all || !SELDOM.includes(engine))
  return engines.filter(isWanted).map(useEngine)
}

function useEngine(engine: TestEngine): UsedEngine {
  let server: Promise<EngineServer> | undefined
  const started = (): Promise<EngineServer> => (server ??= engine.start())
  const newMeta = async (folder: string): Promise<string> => (await started()).newMeta(folder)
  after(async () => (await server)?.stop())
  return {
    name: engine.name,
    keepsTotals: engine.keepsTotals,
    skip: engine.missing() ?? false,
    inFull: isLong || engine === sqlite,
    quietly: async (work) => {
      const { quietly } = await started()
      return quietly === undefined ? work() : quietly(work)
    },
    faults: async () => (await started()).faults,
    placeForVolume: () => placeForVolume(newMeta),
    makeVolume: (args, env) => makeVolume(args, env, newMeta),
  }
}
