/** Addresses of PostgreSQL databases. Source: shared/spec/meta-sql-and-tkv.md §A1, A2. */
import { readFileSync } from 'node:fs'
import { availableParallelism, userInfo } from 'node:os'
import { Refusal } from '#core/base/refusal.ts'
import { tablePrefix } from '../sql/tables.ts'

/** libpq's words: TLS never; when the server has it; always; with a known authority; and the host's own name. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

export interface Endpoint {
  /** A name or address, or the folder of a unix socket. */
  readonly host: string
  readonly port: number
}

export interface TlsChoices {
  readonly mode: SslMode
  readonly rootCert: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

export interface PostgresUrl {
  /** Tried in order. */
  readonly endpoints: readonly Endpoint[]
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  /** The schema that holds the tables. */
  readonly schema: string
  /** Full table prefix. */
  readonly prefix: string
  readonly tls: TlsChoices
  readonly maxConnections: number
  readonly maxIdle: number
  readonly maxIdleMs: number
  /** 0: connections may grow as old as they like. */
  readonly maxLifeMs: number
  readonly connectTimeoutMs: number
  readonly applicationName: string
  /** What every commit waits for, as the server's setting of that name; undefined: ours decide (unsettled.ts). */
  readonly synchronousCommit: string | undefined
  /** Parameters that mean nothing here. */
  readonly ignored: readonly string[]
  /** Without the password. */
  readonly address: string
}

const SYNCHRONOUS_COMMITS = ['on', 'off', 'local', 'remote_write', 'remote_apply']
const PORT = 5432
/** What "unlimited" (0) means here. */
const MOST_CONNECTIONS = 100

/**
 * Parse a metadata address. A missing password comes from META_PASSWORD or the file that META_PASSWORD_FILE names.
 * Throws Refusal, which never quotes a secret.
 */
export function parsePostgresUrl(text: string, env: NodeJS.ProcessEnv = process.env): PostgresUrl {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/is.exec(text) ?? []
  if (rest === undefined)
    throw new Refusal(
      'this is no address of a PostgreSQL database',
      'write postgres://USER@HOST:5432/DATABASE',
    )
  const [locator, query] = cut(rest, '?')
  const slash = locator.indexOf('/')
  const authority = slash < 0 ? locator : locator.slice(0, slash)
  const at = authority.lastIndexOf('@')
  const [name, secret] = cut(at < 0 ? '' : authority.slice(0, at), ':')
  const params = new Map(new URLSearchParams(query))
  const user = decode(name, 'user') || take(params, 'user') || userInfo().username
  const password = decode(secret, 'password') || take(params, 'password') || passwordOf(env)
  const database =
    decode(slash < 0 ? '' : locator.slice(slash + 1), 'database') || take(params, 'dbname') || user
  const endpoints = readEndpoints(authority.slice(at + 1), params)
  const cores = availableParallelism()
  const prefix = take(params, 'table_prefix') ?? ''
  if (!/^\w*$/.test(prefix))
    throw new Refusal(`table_prefix may hold letters, digits and _ only, not "${prefix}"`)
  const url = {
    endpoints,
    user,
    password: password === '' ? undefined : password,
    database,
    schema: readSchema(take(params, 'search_path')),
    prefix: tablePrefix(prefix),
    tls: readTls(params),
    maxConnections: readCount(params, 'max_open_conns', 2 * cores + 2) || MOST_CONNECTIONS,
    maxIdle: readCount(params, 'max_idle_conns', 2 * cores),
    maxIdleMs: readCount(params, 'max_idle_time', 300) * 1000,
    maxLifeMs: readCount(params, 'max_life_time', 0) * 1000,
    connectTimeoutMs: (readCount(params, 'connect_timeout', 10) || 10) * 1000,
    applicationName: take(params, 'application_name') ?? 'pomelo',
    synchronousCommit: readWord(params, 'synchronous_commit', SYNCHRONOUS_COMMITS),
    address: addressOf(endpoints, database),
  }
  return { ...url, ignored: [...params.keys()] }
}

/** `host:port` or the folder of the socket, for messages. */
export function endpointText({ host, port }: Endpoint): string {
  if (host.startsWith('/')) return `${host} (port ${port})`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function addressOf(endpoints: readonly Endpoint[], database: string): string {
  const [first] = endpoints
  if (first?.host.startsWith('/')) return `postgres:///${database}?host=${first.host}`
  return `postgres://${endpoints.map(endpointText).join(',')}/${database}`
}

function readEndpoints(hosts: string, params: Map<string, string>): readonly Endpoint[] {
  const given = take(params, 'host')
  const port = readCount(params, 'port', PORT)
  const list = (hosts === '' ? (given ?? 'localhost') : hosts).split(',')
  return list.map((item) => {
    const [, host = '', text] = /^(\[[^\]]*\]|\/.*|[^:]*)(?::(\d+))?$/.exec(decode(item, 'host')) ?? []
    if (host === '' || Number(text ?? port) > 65_535)
      throw new Refusal(`"${item}" in the PostgreSQL address is no host`, 'write HOST or HOST:PORT')
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(text ?? port) }
  })
}

function readSchema(path: string | undefined): string {
  const schema = path?.trim().replace(/^"|"$/g, '') ?? 'public'
  if (/[,"]/.test(schema) || schema === '')
    throw new Refusal(`search_path of a PostgreSQL address names one schema, not "${schema}"`)
  return schema
}

function readTls(params: Map<string, string>): TlsChoices {
  const mode = (readWord(params, 'sslmode', SSL_MODES) ?? 'prefer') as SslMode
  const rootCert = take(params, 'sslrootcert')
  const [cert, key] = [take(params, 'sslcert'), take(params, 'sslkey')]
  if ((cert === undefined) !== (key === undefined))
    throw new Refusal('sslcert and sslkey of a PostgreSQL address come together')
  // With an authority given, "require" means to check it. Source: libpq, "Protection Provided in Different Modes".
  return { mode: mode === 'require' && rootCert !== undefined ? 'verify-ca' : mode, rootCert, cert, key }
}

function readCount(params: Map<string, string>, name: string, otherwise: number): number {
  const text = take(params, name)
  if (text === undefined) return otherwise
  if (!/^\d{1,9}s?$/.test(text))
    throw new Refusal(`${name} of a PostgreSQL address is a number, not "${text}"`)
  return Number.parseInt(text, 10)
}

function readWord(params: Map<string, string>, name: string, words: readonly string[]): string | undefined {
  const word = take(params, name)
  if (word === undefined || words.includes(word)) return word
  throw new Refusal(`${name} "${word}" is not known`, `write one of: ${words.join(', ')}`)
}

/** The parameter's value, which counts as read. */
function take(params: Map<string, string>, name: string): string | undefined {
  const value = params.get(name)
  params.delete(name)
  return value === '' ? undefined : value
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refusal(
      `the ${what} in the PostgreSQL address is not percent-encoded as it should be`,
      'write % as %25, @ as %40, : as %3A and / as %2F; a password can be in META_PASSWORD instead',
    )
  }
}

function passwordOf(env: NodeJS.ProcessEnv): string {
  if (env.META_PASSWORD) return env.META_PASSWORD
  const file = env.META_PASSWORD_FILE
  if (!file) return ''
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const what = `the password file ${file} (META_PASSWORD_FILE) cannot be read`
    throw new Refusal(what, 'check its path and permissions', { cause: error })
  }
}

function cut(text: string, at: string): [string, string] {
  const k = text.indexOf(at)
  return k < 0 ? [text, ''] : [text.slice(0, k), text.slice(k + 1)]
}
