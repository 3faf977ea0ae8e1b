/**
 * What a server's version, settings, role and rights mean for the volume on it, for the log, `pomelo doctor` and the
 * desktop app. Source: shared/spec/meta-redis.md §1.4.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Finding } from '#core/base/finding.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatSize } from '#core/base/units.ts'
import type { RedisClient } from './client.ts'
import { Layout } from './layout.ts'

/** What a server says of itself; undefined where the user may not ask. */
export interface ServerFacts {
  readonly info: ReadonlyMap<string, string> | undefined
  readonly config: ReadonlyMap<string, string> | undefined
  readonly mayKill: boolean
  /** A key that no volume has, if the first keys of the database hold one. */
  readonly foreignKey: string | undefined
}

/** Runs work on the live connection, again if need be (`RedisPlace.repeat`). */
export type Ask = <T>(send: (client: RedisClient) => Promise<T>) => Promise<T>

/** The oldest that other clients of the format take. */
const OLDEST_MAJOR = 4
/** CLIENT TRACKING. */
const TRACKING_MAJOR = 6
const PINGS = 9
const SLOW_MS = 5
const FULL = 0.95
const FILLING = 0.8
const SAMPLE = 1000
const SETTINGS = ['maxmemory-policy', 'appendfsync', 'save']

/** Ask the server all that `judge` wants to know. */
export async function gatherFacts(ask: Ask, prefix: string): Promise<ServerFacts> {
  const allowed = <T>(send: (client: RedisClient) => Promise<T>): Promise<T | undefined> =>
    ask(send).catch((error: unknown) => {
      if (error instanceof Error && 'kind' in error && (error.kind === 'denied' || error.kind === 'invalid'))
        return undefined
      throw error
    })
  const [info, config, killed, keys] = await Promise.all([
    allowed((client) => client.call('INFO')),
    allowed((client) => configOf(client)),
    allowed((client) => client.call('CLIENT', 'KILL', 'ID', String(Number.MAX_SAFE_INTEGER))),
    allowed((client) => client.call('SCAN', '0', 'COUNT', String(SAMPLE))),
  ])
  const layout = new Layout(prefix)
  return {
    info: info === undefined ? undefined : parseInfo(String(info)),
    config,
    mayKill: killed !== undefined,
    foreignKey:
      prefix === ''
        ? (keys as [string, string[]] | undefined)?.[1].find((key) => !layout.owns(key))
        : undefined,
  }
}

async function configOf(client: RedisClient): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const pairs of await Promise.all(SETTINGS.map((name) => client.call('CONFIG', 'GET', name)))) {
    const [name, value] = pairs as [string?, string?]
    if (name !== undefined && value !== undefined) found.set(name, value)
  }
  return found
}

/** `name:value` lines of INFO. */
export function parseInfo(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([\w-]+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]))
}

/** Throws Refusal for a server that is too old. */
export function requireVersion(info: ReadonlyMap<string, string> | undefined): void {
  const version = info?.get('redis_version')
  if (version === undefined || majorOf(version) >= OLDEST_MAJOR) return
  throw new Refusal(
    `Redis ${version} is too old for a volume, which needs ${OLDEST_MAJOR}.0 or newer`,
    'use a newer Redis server; 7 or newer is a good choice',
  )
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10)
}

/** Everything about the server that a user would want to know, worst last. */
export function judge(facts: ServerFacts, readOnly: boolean): Finding[] {
  const { info, config } = facts
  if (info === undefined)
    return [
      {
        level: 'note',
        code: 'redis-info',
        sentence:
          'The Redis user may not ask for INFO, so version, memory and persistence cannot be checked.',
        next: 'grant it +info',
      },
    ]
  return [
    ...judgeVersion(info),
    ...judgeRights(facts),
    ...judgeMemory(info),
    ...judgePersistence(info, config),
    ...judgeEviction(info, config),
    ...judgeRole(info, readOnly),
    ...judgeKeys(facts.foreignKey),
  ]
}

function judgeVersion(info: ReadonlyMap<string, string>): Finding[] {
  const version = info.get('redis_version') ?? 'of unknown version'
  if (majorOf(version) < OLDEST_MAJOR)
    return [
      {
        level: 'problem',
        code: 'redis-version',
        sentence: `Redis ${version} is too old for a volume.`,
        next: `use ${OLDEST_MAJOR}.0 or newer`,
      },
    ]
  if (majorOf(version) < TRACKING_MAJOR)
    return [
      {
        level: 'note',
        code: 'redis-version',
        sentence: `Redis ${version} cannot tell of changes: what other clients change shows after the cache times, and repeated lookups ask the server again.`,
        next: `use Redis ${TRACKING_MAJOR} or newer`,
      },
    ]
  return [{ level: 'ok', code: 'redis-version', sentence: `The metadata server is Redis ${version}.` }]
}

function judgeRights({ config, mayKill }: ServerFacts): Finding[] {
  const missing = [...(config === undefined ? ['config|get'] : []), ...(mayKill ? [] : ['client|kill'])]
  if (missing.length === 0) return []
  return [
    {
      level: 'note',
      code: 'redis-rights',
      sentence: `The Redis user may not use ${missing.join(' and ')}: ${
        mayKill ? 'settings cannot be checked' : 'after a lost connection it is less certain what was done'
      }.`,
      next: `grant it ${missing.map((command) => `+${command}`).join(' ')}`,
    },
  ]
}

function judgeMemory(info: ReadonlyMap<string, string>): Finding[] {
  const used = Number(info.get('used_memory') ?? 0)
  const limit = Number(info.get('maxmemory') ?? 0)
  if (limit === 0)
    return [
      {
        level: 'ok',
        code: 'redis-memory',
        sentence: `The metadata server uses ${formatSize(used)} of memory.`,
      },
    ]
  const share = used / limit
  const sentence = `The metadata server uses ${formatSize(used)} of its ${formatSize(limit)} of memory`
  if (share < FILLING) return [{ level: 'ok', code: 'redis-memory', sentence: `${sentence}.` }]
  return [
    {
      level: share < FULL ? 'warning' : 'problem',
      code: 'redis-memory',
      sentence: `${sentence}; when it is full, every change fails with "no space left".`,
      next: 'raise maxmemory: redis-cli CONFIG SET maxmemory …',
    },
  ]
}

function judgePersistence(
  info: ReadonlyMap<string, string>,
  config: ReadonlyMap<string, string> | undefined,
): Finding[] {
  if (info.get('aof_enabled') === '1') {
    if (info.get('aof_last_write_status') === 'err')
      return [
        {
          level: 'problem',
          code: 'redis-persistence',
          sentence:
            'The metadata server could not write its append-only file: changes are lost when it stops.',
          next: 'check its disk',
        },
      ]
    if (config?.get('appendfsync') === 'no')
      return [
        {
          level: 'warning',
          code: 'redis-persistence',
          sentence:
            'The metadata server leaves it to its system when changes reach the disk (appendfsync no): a power cut can lose half a minute of them.',
          next: 'redis-cli CONFIG SET appendfsync everysec',
        },
      ]
    return []
  }
  const next = 'redis-cli CONFIG SET appendonly yes, and the same in its redis.conf'
  if (config?.get('save') === '')
    return [
      {
        level: 'problem',
        code: 'redis-persistence',
        sentence: 'The metadata server keeps nothing on disk: when it stops, the whole volume is lost.',
        next,
      },
    ]
  return [
    {
      level: 'warning',
      code: 'redis-persistence',
      sentence:
        'The metadata server writes snapshots only (AOF is off): when it crashes, all changes since the last one are lost.',
      next,
    },
  ]
}

function policyOf(facts: Pick<ServerFacts, 'info' | 'config'>): string | undefined {
  return facts.config?.get('maxmemory-policy') ?? facts.info?.get('maxmemory_policy')
}

function judgeEviction(
  info: ReadonlyMap<string, string>,
  config: ReadonlyMap<string, string> | undefined,
): Finding[] {
  const policy = policyOf({ info, config })
  if (policy === undefined || policy === 'noeviction' || info.get('storage_provider') === 'flash') return []
  return [
    {
      level: Number(info.get('maxmemory') ?? 0) === 0 ? 'warning' : 'problem',
      code: 'redis-eviction',
      sentence: `The metadata server throws keys away when memory is short (maxmemory-policy ${policy}): files and folders can vanish.`,
      next: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its redis.conf',
    },
  ]
}

function judgeRole(info: ReadonlyMap<string, string>, readOnly: boolean): Finding[] {
  if (info.get('role') !== 'slave') return []
  return [
    {
      level: readOnly ? 'note' : 'problem',
      code: 'redis-replica',
      sentence:
        'This server is a replica: it takes no changes, and shows those of its primary a moment late.',
      ...(readOnly ? {} : { next: `use the primary, ${info.get('master_host')}:${info.get('master_port')}` }),
    },
  ]
}

function judgeKeys(foreignKey: string | undefined): Finding[] {
  if (foreignKey === undefined) return []
  return [
    {
      level: 'warning',
      code: 'redis-shared',
      sentence: `Something else keeps data in this database too, such as key ${JSON.stringify(foreignKey.slice(0, 60))}; clients of the format take the whole database as theirs.`,
      next: 'choose another database number, as in redis://host:6379/1',
    },
  ]
}

/** Have the server keep every key, as the reference client does. Returns the policy there was, if it was changed. */
export async function stopEviction(ask: Ask, facts: ServerFacts): Promise<string | undefined> {
  const policy = policyOf(facts)
  if (policy === undefined || judgeEviction(facts.info ?? new Map(), facts.config).length === 0)
    return undefined
  try {
    await ask((client) => client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'))
    return policy
  } catch {
    return undefined // said in a warning
  }
}

/** Median milliseconds of a PING, and a finding when that is felt. */
export async function measureRoundTrip(ask: Ask, clock: Clock): Promise<Finding> {
  const times: number[] = []
  for (let k = 0; k < PINGS; k++) {
    const since = clock.monotonicMs()
    await ask((client) => client.call('PING'))
    times.push(clock.monotonicMs() - since)
  }
  const ms = times.sort((a, b) => a - b)[PINGS >> 1]!
  const figure = ms < 1 ? `${Math.round(ms * 1000)} µs` : `${ms.toFixed(1)} ms`
  const sentence = `A round trip to the metadata server takes ${figure}`
  if (ms <= SLOW_MS) return { level: 'ok', code: 'redis-round-trip', sentence: `${sentence}.` }
  return {
    level: 'warning',
    code: 'redis-round-trip',
    sentence: `${sentence}: making 1,000 small files waits ${(3 * ms).toFixed(0)} s or more for it.`,
    next: 'mount on a machine that is nearer to the metadata server',
  }
}
