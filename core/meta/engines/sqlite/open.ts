/** Opening a metadata file by its URL. Source: shared/spec/meta-sql-and-tkv.md §A1, A2. */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { tablePrefix } from '../sql/tables.ts'
import { Checkpoints } from './checkpoints.ts'
import { SqliteEngine } from './engine.ts'
import { fromSqlite, isBusy } from './errors.ts'
import { WalSync } from './wal-sync.ts'

const SCHEME = 'sqlite3://'
const OPEN_WAIT_MS = 30_000

export interface SqliteOptions {
  /** Make the file when it is not there (format, load). */
  readonly create?: boolean
  readonly readOnly?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
}

export interface SqliteUrl {
  /** Absolute, or `:memory:`. */
  readonly path: string
  /** Full table prefix. */
  readonly prefix: string
}

/**
 * `sqlite3://<path>[?params]`; everything before `?` is the path, relative ones from the working directory.
 * Of the parameters only `table_prefix` means something here; the reference's driver options are ignored.
 */
export function parseSqliteUrl(url: string): SqliteUrl {
  const [path, query] = cut(url.startsWith(SCHEME) ? url.slice(SCHEME.length) : url, '?')
  if (path === '') throw new BackendError('invalid', 'sqlite3:// needs the path of a file')
  const prefix = new URLSearchParams(query).get('table_prefix') ?? ''
  if (!/^\w*$/.test(prefix))
    throw new BackendError('invalid', `table_prefix may hold letters, digits and _ only, not "${prefix}"`)
  return { path: path === ':memory:' ? path : resolve(path), prefix: tablePrefix(prefix) }
}

/**
 * Open the metadata file of `url`. Rejects `not-found` when the file (or, with `create`, its directory) is
 * missing, `denied`, `corrupt` or `unavailable` as SQLite has it.
 */
export async function openSqlite(url: string, options: SqliteOptions = {}): Promise<SqliteEngine> {
  const { path, prefix } = parseSqliteUrl(url)
  const inMemory = path === ':memory:'
  const address = SCHEME + path
  const { clock = systemClock, random = systemRandom, log = silentLog, readOnly = false } = options
  if (!inMemory) requirePlace(path, address, options.create ?? false)
  const db = await connect(path, address, readOnly, clock)
  const onError = (error: string) => log.warn('metadata checkpoint failed', { path, error })
  const common = { db, address, prefix, readOnly, clock, random, log }
  try {
    const logged = !inMemory && !readOnly && journalMode(db) === 'wal'
    return new SqliteEngine(
      logged
        ? { ...common, checkpoints: new Checkpoints(db, path, onError), walSync: new WalSync(path) }
        : common,
    )
  } catch (error) {
    db.close()
    throw fromSqlite(error, address)
  }
}

async function connect(
  path: string,
  address: string,
  readOnly: boolean,
  clock: Clock,
): Promise<Database.Database> {
  const since = clock.monotonicMs()
  for (;;) {
    let db: Database.Database | undefined
    try {
      db = new Database(path, { readonly: readOnly, timeout: 0 })
      configure(db, readOnly)
      return db
    } catch (error) {
      db?.close()
      if (!isBusy(error) || clock.monotonicMs() - since > OPEN_WAIT_MS) throw fromSqlite(error, address)
      await clock.sleep(10)
    }
  }
}

/** Checkpoints are made elsewhere (checkpoints.ts), durability by wal-sync.ts. */
function configure(db: Database.Database, readOnly: boolean): void {
  if (!readOnly) db.pragma('journal_mode = WAL')
  // Where a log is impossible (network file systems) every commit has to wait for the disk.
  db.pragma(`synchronous = ${journalMode(db) === 'wal' ? 'NORMAL' : 'FULL'}`)
  db.pragma('wal_autocheckpoint = 0')
  db.pragma('cache_size = -65536')
  db.pragma('temp_store = MEMORY')
  db.prepare('SELECT count(*) FROM sqlite_schema').get()
}

function journalMode(db: Database.Database): unknown {
  return db.pragma('journal_mode', { simple: true })
}

function requirePlace(path: string, address: string, create: boolean): void {
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isFile()) return
  if (file !== undefined) throw new BackendError('invalid', `${address}: not a file`)
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined)
    throw new BackendError('not-found', `${address}: the directory ${dirname(path)} does not exist`)
  if (!create)
    throw new BackendError(
      'not-found',
      `${address}: no such file; check the path, or format a volume there first`,
    )
}

function cut(text: string, at: string): [string, string] {
  const k = text.indexOf(at)
  return k < 0 ? [text, ''] : [text.slice(0, k), text.slice(k + 1)]
}
