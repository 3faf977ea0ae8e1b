/** Opening metadata by address, formatting a volume's metadata, and putting a MetaState together. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { redactUrl } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { createAccounts } from './accounts.ts'
import { createAcls } from './acls.ts'
import { DataDeletions, type RemoveSlice } from './deletions.ts'
import type { Change, MetaEngine } from './engine.ts'
import { createIds } from './ids.ts'
import { Lease } from './lease.ts'
import { makeNode } from './node.ts'
import { OpenFiles } from './open-files.ts'
import { pagesOf } from './ops/walk.ts'
import { TYPE_DIRECTORY } from './records.ts'
import { RemovedNodes } from './removed.ts'
import { parseSetting, serializeSetting, type VolumeSetting } from './setting.ts'
import type { MetaOptions, MetaState } from './state.ts'
import { WriteHealth } from './write-health.ts'

export interface EngineOptions {
  /** Make the place when it is not there (format, load). */
  readonly create?: boolean
  readonly readOnly?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  /** Counts round trips (`meta_round_trips`). */
  readonly metrics?: Metrics
}

/** Schemes of the format that this version has no engine for. */
const NOT_YET = ['mysql', 'badger', 'fdb', 'memkv']
const SUPPORTED = 'sqlite3, redis, rediss, unix (a Redis socket), postgres, tikv, etcd'

/** The engine for a metadata address such as `sqlite3:///srv/team.db`. Throws Refusal for other schemes. */
export async function openEngine(url: string, options: EngineOptions = {}): Promise<MetaEngine> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'sqlite3') {
    const { openSqlite } = await import('./engines/sqlite/open.ts')
    return openSqlite(url, options)
  }
  if (scheme === 'redis' || scheme === 'rediss' || scheme === 'unix') {
    const { openRedis } = await import('./engines/redis/open.ts')
    return openRedis(url, options)
  }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const { openPostgres } = await import('./engines/postgres/open.ts')
    return openPostgres(url, options)
  }
  if (scheme === 'tikv') {
    const { openTikv } = await import('./engines/tkv/open.ts')
    return openTikv(url, options)
  }
  if (scheme === 'etcd') {
    const { openEtcd } = await import('./engines/tkv/open-etcd.ts')
    return openEtcd(url, options)
  }
  if (scheme === undefined)
    throw new Refusal(
      `"${redactUrl(url)}" is no metadata address`,
      'write one as sqlite3://PATH, redis://HOST/1, postgres://USER@HOST/DATABASE, tikv://HOST/VOLUME or etcd://HOST/VOLUME',
    )
  const why = NOT_YET.includes(scheme) ? 'is not in this version yet' : 'is not known'
  throw new Refusal(`metadata engine "${scheme}" ${why}`, `supported: ${SUPPORTED}`)
}

/** The volume's setting as stored, secrets wrapped. Throws Refusal when there is no volume. */
export async function loadSetting(engine: MetaEngine): Promise<VolumeSetting> {
  const [text] = await engine.read([{ kind: 'setting' }])
  if (text === null)
    throw new Refusal(
      `${engine.address} is not formatted: there is no volume in it`,
      'make one with: pomelo format',
    )
  return parseSetting(text)
}

export interface MetaParts {
  readonly engine: MetaEngine
  readonly setting: VolumeSetting
  readonly options: MetaOptions
  /** Remove all objects of a slice, and what caches hold of it. */
  readonly removeSlice: RemoveSlice
  readonly rootIno?: number
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  readonly metrics?: Metrics
  readonly tasks?: TaskSet
}

/** A MetaState that knows its deletions as what they are, for jobs and shutdown. */
export type OpenMetaState = MetaState & { readonly deletions: DataDeletions }

/** Everything operations share, for one open volume. No I/O. */
export function createMetaState(parts: MetaParts): OpenMetaState {
  const { engine, setting, options } = parts
  const { clock = systemClock, random = systemRandom, log = silentLog, rootIno = ROOT_INO } = parts
  const base = {
    engine,
    clock,
    random,
    log,
    options,
    setting,
    metrics: parts.metrics ?? new Metrics(),
    tasks: parts.tasks ?? new TaskSet(log),
    sid: 0,
    rootIno,
    ids: createIds(engine),
    openFiles: new OpenFiles(),
    removed: new RemovedNodes(),
    acls: createAcls(engine, clock),
    writes: new WriteHealth(),
    lease: new Lease(),
    remembered: { trashHour: undefined, roots: new Map() },
  }
  // Accounts read the setting of the finished state, so that a reloaded one counts at once.
  return Object.assign(base, {
    accounts: createAccounts(base),
    deletions: new DataDeletions(base, parts.removeSlice),
  })
}

/**
 * Write the metadata of a new volume: setting, root and trash, first counters. `setting` as to be stored, with
 * secrets wrapped. BackendError `invalid` when a volume is there already. Source: admin-tools.md §2.3 step 8.
 */
export async function formatVolume(
  engine: MetaEngine,
  setting: VolumeSetting,
  clock: Clock = systemClock,
): Promise<void> {
  await engine.initialize()
  const root = makeNode({ type: TYPE_DIRECTORY, mode: 0o777, parent: ROOT_INO }, clock.now())
  const outcome = await engine.commit(
    'format',
    [{ kind: 'recordIs', key: { kind: 'setting' }, is: null }],
    [
      { kind: 'putSetting', text: serializeSetting(setting) },
      { kind: 'putNode', ino: ROOT_INO, node: root },
      ...trashRoot(setting, clock),
    ],
  )
  if (!outcome.ok) throw new Refusal(`${engine.address}: another client has just formatted a volume here`)
  await engine.sync()
}

function trashRoot(setting: VolumeSetting, clock: Clock): readonly Change[] {
  if (setting.TrashDays <= 0) return []
  const node = makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: ROOT_INO }, clock.now())
  return [{ kind: 'putNode', ino: TRASH_INO, node }]
}

const FIXED = ['Name', 'BlockSize', 'Compression', 'Shards', 'HashPrefix', 'MetaVersion'] as const

/**
 * Replace the setting of an existing volume. Members that fix the layout cannot change without `force`, the
 * UUID never does; statistics that begin to count anew are wiped first. Throws Refusal.
 * Source: admin-tools.md §2.4.
 */
export async function updateSetting(
  engine: MetaEngine,
  wanted: VolumeSetting,
  { force = false, clock = systemClock }: { readonly force?: boolean; readonly clock?: Clock } = {},
): Promise<void> {
  const [stored] = await engine.read([{ kind: 'setting' }])
  const before = await loadSetting(engine)
  if (wanted.UUID !== before.UUID) throw new Refusal(`the UUID of volume ${before.Name} cannot change`)
  const changed = FIXED.find((name) => (wanted[name] || undefined) !== (before[name] || undefined))
  if (changed !== undefined && !force)
    throw new Refusal(
      `${changed} of volume ${before.Name} cannot change from ${JSON.stringify(before[changed])} to ${JSON.stringify(wanted[changed])}`,
      'make a new volume and copy the files',
    )
  if (wanted.DirStats && !before.DirStats) await wipeDirStats(engine)
  if (wanted.UserGroupQuota && !before.UserGroupQuota) await wipeOwnerQuotas(engine)
  const [trash] = await engine.read([{ kind: 'node', ino: TRASH_INO }])
  const outcome = await engine.commit(
    'config',
    [{ kind: 'recordIs', key: { kind: 'setting' }, is: stored }],
    [
      { kind: 'putSetting', text: serializeSetting(wanted) },
      ...(trash === null ? trashRoot(wanted, clock) : []),
    ],
  )
  if (!outcome.ok)
    throw new Refusal(
      `the setting of volume ${before.Name} was changed by somebody else just now`,
      'try again',
    )
  await engine.sync()
}

async function wipeDirStats(engine: MetaEngine): Promise<void> {
  for await (const page of pagesOf({ engine }, { kind: 'allNodes' }, engine.maxRecords)) {
    const directories = page.filter(({ node }) => node.type === TYPE_DIRECTORY)
    await engine.commit(
      'config',
      [],
      directories.map(({ ino }) => ({ kind: 'delDirStat', ino })),
    )
  }
}

async function wipeOwnerQuotas(engine: MetaEngine): Promise<void> {
  for (const kind of ['user', 'group'] as const)
    for await (const page of pagesOf({ engine }, { kind: 'quotas', of: kind }, engine.maxRecords))
      await engine.commit(
        'config',
        [],
        page.map(({ id }) => ({ kind: 'delQuota', of: kind, id })),
      )
}
