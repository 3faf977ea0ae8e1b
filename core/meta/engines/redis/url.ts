/**
 * Redis addresses as the format writes them: one server, a Unix socket, servers behind Sentinel, a cluster.
 * Source: shared/spec/meta-redis.md §1.1.
 */
import { readFileSync } from 'node:fs'
import { Refusal } from '#core/base/refusal.ts'
import { parseDuration } from '#core/base/units.ts'

export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string }

export interface TlsChoices {
  readonly certFile?: string
  readonly keyFile?: string
  readonly caFile?: string
  readonly serverName?: string
  /** Do not check the server's certificate. */
  readonly insecure: boolean
}

export interface RedisUrl {
  readonly scheme: 'redis' | 'rediss' | 'unix'
  /** What the endpoints are: the server, Sentinels, or some nodes of a cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly endpoints: readonly Endpoint[]
  /** The name that Sentinels know the primary by. */
  readonly master?: string
  readonly db: number
  /** Secret, like the two below it. */
  readonly username?: string
  readonly password?: string
  readonly sentinelPassword?: string
  readonly tls?: TlsChoices
  readonly connectTimeoutMs: number
  /** How long an answer may take, and how long a command waits for a connection. */
  readonly readTimeoutMs: number
  /** Between tries: from, and growing to at most. */
  readonly minRetryMs: number
  readonly maxRetryMs: number
  /** The address without any secret and without options. */
  readonly address: string
}

const PORT = 6379
const SENTINEL_PORT = 26379

/** Options that other clients read and that change nothing here: their connection pools, routing and caches. */
const IGNORED = new Set([
  'route-read',
  'client-cache',
  'client-cache-size',
  'client-cache-expire',
  'client-cache-preload',
  'write-timeout',
  'protocol',
  'client-name',
  'max-retries',
  'pool-fifo',
  'pool-size',
  'pool-timeout',
  'min-idle-conns',
  'max-idle-conns',
  'max-active-conns',
  'conn-max-idle-time',
  'conn-max-lifetime',
  'idle-timeout',
  'max-conn-age',
])

/**
 * Parse a metadata address. Passwords missing from it come from REDIS_PASSWORD, META_PASSWORD or the file that
 * META_PASSWORD_FILE names; Sentinel's own from SENTINEL_PASSWORD. Throws Refusal, which never quotes a secret.
 */
export function parseRedisUrl(text: string, env: NodeJS.ProcessEnv = process.env): RedisUrl {
  const [, word = 'redis', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/is.exec(text) ?? []
  const scheme = word.toLowerCase()
  if (scheme !== 'redis' && scheme !== 'rediss' && scheme !== 'unix')
    throw new Refusal(`"${scheme}" is no scheme of a Redis address`, 'write redis://, rediss:// or unix://')
  const [locator, query] = cut(rest, '?')
  const slash = locator.indexOf('/')
  const authority = slash < 0 ? locator : locator.slice(0, slash)
  const path = slash < 0 ? '' : locator.slice(slash)
  const at = authority.lastIndexOf('@')
  const hosts = authority.slice(at + 1)
  const options = readOptions(query)
  const where = scheme === 'unix' ? socketAt(hosts, path) : serversAt(hosts)
  const db = readDb(scheme === 'unix' ? '' : path.slice(1), options)
  const tls = readTls(scheme, options)
  const user = credentials(at < 0 ? '' : authority.slice(0, at), env)
  const url = {
    ...where,
    ...user,
    scheme,
    db,
    ...(tls === undefined ? {} : { tls }),
    ...(env.SENTINEL_PASSWORD ? { sentinelPassword: env.SENTINEL_PASSWORD } : {}),
    connectTimeoutMs: readMs(options, 'dial-timeout', 5_000),
    readTimeoutMs: readMs(options, 'read-timeout', 30_000),
    minRetryMs: readMs(options, 'min-retry-backoff', 20),
    maxRetryMs: readMs(options, 'max-retry-backoff', 2_000),
    address: scheme === 'unix' ? `unix://${path}?db=${db}` : `${scheme}://${hosts}/${db}`,
  } as const
  for (const name of options.keys())
    if (!IGNORED.has(name)) throw new Refusal(`a Redis address has no option "${name}"`, 'remove it')
  return url
}

function readOptions(query: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) options.set(name.replaceAll('_', '-'), value)
  return options
}

/** The option's value, which counts as read. */
function take(options: Map<string, string>, name: string): string | undefined {
  const value = options.get(name)
  options.delete(name)
  return value === '' ? undefined : value
}

function readMs(options: Map<string, string>, name: string, otherwise: number): number {
  const text = take(options, name)
  if (text === undefined) return otherwise
  try {
    return Math.max(1, Math.round(parseDuration(text) * 1000))
  } catch (error) {
    throw new Refusal(`option ${name} of a Redis address: ${error instanceof Error ? error.message : error}`)
  }
}

function readDb(fromPath: string, options: Map<string, string>): number {
  const fromQuery = take(options, 'db')
  const text = fromPath === '' ? (fromQuery ?? '0') : fromPath
  if (!/^\d{1,9}$/.test(text))
    throw new Refusal(
      'what follows the host of a Redis address is the number of a database',
      'write it like redis://host:6379/1; a / or ? in the password is written %2F or %3F',
    )
  return Number(text)
}

function readTls(scheme: string, options: Map<string, string>): TlsChoices | undefined {
  const certFile = take(options, 'tls-cert-file')
  const keyFile = take(options, 'tls-key-file')
  const caFile = take(options, 'tls-ca-cert-file')
  const serverName = take(options, 'tls-server-name')
  const skip = [take(options, 'insecure-skip-verify'), take(options, 'skip-verify')]
  if (scheme !== 'rediss') return undefined
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Refusal('tls-cert-file and tls-key-file of a Redis address come together')
  return { certFile, keyFile, caFile, serverName, insecure: skip.some((value) => value !== undefined) }
}

function credentials(
  userinfo: string,
  env: NodeJS.ProcessEnv,
): { readonly username?: string; readonly password?: string } {
  const [name, secret] = cut(userinfo, ':')
  try {
    const username = decodeURIComponent(name)
    const password = decodeURIComponent(secret) || passwordOf(env)
    return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new Refusal(
      'user or password in the Redis address is not percent-encoded as it should be',
      'write % as %25, @ as %40, : as %3A and / as %2F, or set REDIS_PASSWORD instead',
    )
  }
}

function passwordOf(env: NodeJS.ProcessEnv): string {
  const direct = env.REDIS_PASSWORD || env.META_PASSWORD
  if (direct) return direct
  const file = env.META_PASSWORD_FILE
  if (!file) return ''
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Refusal(
      `the password file ${file} (META_PASSWORD_FILE) cannot be read`,
      'check its path and permissions',
      {
        cause: error,
      },
    )
  }
}

type Where = Pick<RedisUrl, 'kind' | 'endpoints' | 'master'>

function socketAt(hosts: string, path: string): Where {
  if (hosts !== '' || path === '')
    throw new Refusal(
      'unix:// needs the absolute path of a socket',
      'write it like unix:///run/redis.sock?db=1',
    )
  return { kind: 'single', endpoints: [{ path }] }
}

/** A comma before the first colon: Sentinel. Other commas: a cluster. */
function serversAt(hosts: string): Where {
  const items = hosts.split(',')
  if (items.length === 1) return { kind: 'single', endpoints: [endpointOf(hosts, PORT)] }
  if (hosts.indexOf(',') >= hosts.indexOf(':'))
    return { kind: 'cluster', endpoints: items.map((item) => endpointOf(item, PORT)) }
  const last = endpointOf(items.at(-1)!, SENTINEL_PORT)
  return {
    kind: 'sentinel',
    master: items[0]!,
    endpoints: items.slice(1).map((item) => endpointOf(item, last.port)),
  }
}

function endpointOf(text: string, port: number): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([\da-f:.]+)\]|([^:[\]@\s]*))(?::(\d{0,5}))?$/i.exec(text)
  if (match === null || Number(match[3] || port) > 65535)
    throw new Refusal(
      'host or port of the Redis address cannot be read',
      'write it like redis://:password@host:6379/1, with @, :, / and ? in the password percent-encoded',
    )
  return { host: match[1] ?? (match[2] || 'localhost'), port: Number(match[3] || port) }
}

/** `host:port` or the socket's path, for people. */
export function endpointText(endpoint: Endpoint): string {
  if ('path' in endpoint) return endpoint.path
  return endpoint.host.includes(':')
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`
}

function cut(text: string, at: string): [string, string] {
  const k = text.indexOf(at)
  return k < 0 ? [text, ''] : [text.slice(0, k), text.slice(k + 1)]
}
