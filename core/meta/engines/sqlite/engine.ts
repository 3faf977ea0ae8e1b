/**
 * Metadata in an SQLite file, in process and synchronous: a read is one prepared statement (a few µs), a commit
 * one IMMEDIATE transaction that checks the guards and applies the changes. Every number is exact even after a
 * kill at any point, because usage, statistics and quotas change in the same transaction.
 *
 * Other processes may use the file (a reference mount, our command line). Whoever finds it locked waits without
 * blocking the event loop, for at most 30 s.
 *
 * Source: shared/spec/meta-sql-and-tkv.md part A.
 */
import type { Database } from 'better-sqlite3'
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Random } from '#core/base/random.ts'
import type {
  Change,
  CommitResult,
  Guard,
  ListTypes,
  MetaEngine,
  Page,
  PageRequest,
  RecentChange,
  RecordKey,
  RecordRange,
  RecordValues,
} from '#core/meta/engine.ts'
import type { AclRule, CounterName, GateName } from '#core/meta/records.ts'
import { encodeAclEntries } from '#core/meta/records-codec.ts'
import { counterParams, FIRST_COUNTERS, firstGiven } from '../sql/changes.ts'
import { exact } from '../sql/rows.ts'
import { isComplete, type SchemaGaps } from '../sql/tables.ts'
import type { Checkpoints } from './checkpoints.ts'
import { fromSqlite, isBusy } from './errors.ts'
import { fileSpace } from './file-space.ts'
import { RecentChanges } from './recent.ts'
import { FileRecords } from './records.ts'
import { dropShadows, dropTables, fillGaps, findGaps, shadowGaps } from './schema.ts'
import { Statements } from './statements.ts'
import type { WalSync } from './wal-sync.ts'

/** How long to wait for a lock held by another process. */
const WAIT_MS = 30_000
/** Tries without a pause, then pauses that grow to this. */
const EAGER_TRIES = 3
const MAX_PAUSE_MS = 20

export interface SqliteParts {
  readonly db: Database
  readonly address: string
  /** Full table prefix, such as `jfs_`. */
  readonly prefix: string
  readonly readOnly: boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Both absent in memory and read-only. */
  readonly checkpoints?: Checkpoints
  readonly walSync?: WalSync
}

export class SqliteEngine implements MetaEngine {
  readonly scheme = 'sqlite3'
  readonly address: string
  readonly #parts: SqliteParts
  readonly #db: Database
  #schemaVersion: unknown
  #complete = false
  #statements!: Statements
  #records!: FileRecords
  #closed = false
  #recent: RecentChanges | undefined
  #commits = 0
  /** The log is too long: commits wait for this. */
  #full: Promise<void> | undefined

  /** Use `openSqlite`. */
  constructor(parts: SqliteParts) {
    this.address = parts.address
    this.#parts = parts
    this.#db = parts.db
    this.#adoptSchema()
  }

  async read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    return this.#whenFree(() => {
      this.#watchSchema()
      const inSnapshot = keys.length > 1 || keys[0]?.kind === 'entry'
      return inSnapshot ? this.#snapshot(() => this.#readAll(keys)) : this.#readAll(keys)
    })
  }

  async list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>> {
    return this.#whenFree(() => {
      this.#watchSchema()
      return this.#records.list(range, page) as Page<ListTypes[R['kind']]>
    })
  }

  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    return this.#write((_, records): CommitResult => {
      const failed = records.failed(guards)
      if (failed.length > 0) return { ok: false, failed }
      const replies = new Array<number>(changes.length)
      for (let k = 0; k < changes.length; k++) replies[k] = records.apply(op, changes[k]!)
      return { ok: true, replies }
    })
  }

  async allocate(counter: CounterName, n: number): Promise<number> {
    const value = await this.#write((s) =>
      exact(s.row('addCounter', counterParams(counter, n))![0], `counter ${counter}`),
    )
    return firstGiven(counter, value, n)
  }

  async claim(gate: GateName, now: number, period: number): Promise<boolean> {
    return this.#write((s) => s.run('claim', [gate, now, period]) > 0)
  }

  async insertAcl(rule: AclRule): Promise<number> {
    const { owner, group, mask, other } = rule
    const params = [owner, group, mask, other, encodeAclEntries(rule.users), encodeAclEntries(rule.groups)]
    return this.#write((s) => s.row('insertAcl', params)![0] as number)
  }

  async recentChanges(
    mark: string | undefined,
  ): Promise<{ readonly mark: string; readonly changes?: readonly RecentChange[] }> {
    return this.#whenFree(() => {
      this.#watchSchema()
      const { prefix, clock } = this.#parts
      this.#recent ??= new RecentChanges(this.#db, prefix, clock)
      return this.#snapshot(() => this.#recent!.since(mark, this.#commits))
    })
  }

  space(): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }> {
    return fileSpace(this.#db.memory ? '' : this.#db.name)
  }

  sync(): Promise<void> {
    return this.#parts.walSync?.sync() ?? Promise.resolve()
  }

  async initialize(): Promise<void> {
    await this.#rebuild((gaps) => {
      const s = new Statements(this.#db, this.#parts.prefix, gaps.nodeColumns)
      const has = (table: string) => !gaps.tables.includes(table)
      if ((has('setting') && s.row('setting', [])) || (has('node') && s.row('allNodes', [0, 1])))
        throw new BackendError('invalid', `${this.address}: there is a volume here already`)
      fillGaps(this.#db, this.#parts.prefix, gaps)
      const filled = new Statements(this.#db, this.#parts.prefix, [])
      for (const counter of FIRST_COUNTERS) filled.run('makeCounter', counter)
    })
  }

  async upgrade(): Promise<void> {
    if (!this.#complete || !isComplete(findGaps(this.#db, this.#parts.prefix)))
      await this.#rebuild((gaps) => fillGaps(this.#db, this.#parts.prefix, gaps))
  }

  async destroy(): Promise<void> {
    await this.#rebuild(() => dropTables(this.#db, this.#parts.prefix))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#parts.walSync?.close()
    await this.#parts.checkpoints?.close()
    try {
      this.#db.close()
    } catch (error) {
      throw fromSqlite(error, this.address)
    }
  }

  #readAll<const Keys extends readonly RecordKey[]>(keys: Keys): RecordValues<Keys> {
    const values = new Array(keys.length)
    for (let k = 0; k < keys.length; k++) values[k] = this.#records.read(keys[k]!)
    return values as RecordValues<Keys>
  }

  /** Several statements see one state, and find the file's lock taken once. */
  #snapshot<T>(work: () => T): T {
    const s = this.#statements
    s.snapshot()
    try {
      return work()
    } finally {
      s.commit()
    }
  }

  /** One transaction: `work` either commits whole or leaves nothing behind; a lost guard commits nothing. */
  async #write<T extends CommitResult | number | boolean>(
    work: (s: Statements, records: FileRecords) => T,
  ): Promise<T> {
    if (!this.#complete) await this.upgrade()
    if (this.#full !== undefined) await this.#full
    return this.#whenFree(() => {
      const s = this.#statements
      s.begin()
      try {
        const result = work(s, this.#records)
        if (typeof result === 'object' && !result.ok) {
          s.rollback()
          return result
        }
        s.commit()
        this.#commits++
        this.#parts.walSync?.note()
        this.#full = this.#parts.checkpoints?.note()
        return result
      } catch (error) {
        if (this.#db.inTransaction) s.rollback()
        throw error
      }
    })
  }

  /** Change the schema in one transaction, then look at it anew. */
  async #rebuild(work: (gaps: SchemaGaps) => void): Promise<void> {
    await this.#whenFree(() => {
      try {
        dropShadows(this.#db, this.#parts.prefix)
        this.#db.transaction(() => work(findGaps(this.#db, this.#parts.prefix))).immediate()
      } finally {
        this.#adoptSchema()
      }
      this.#parts.walSync?.note()
    })
  }

  #adoptSchema(): void {
    const { prefix } = this.#parts
    dropShadows(this.#db, prefix)
    this.#schemaVersion = this.#readSchemaVersion()
    const gaps = findGaps(this.#db, prefix)
    this.#complete = isComplete(gaps)
    shadowGaps(this.#db, prefix, gaps)
    this.#statements = new Statements(this.#db, prefix, gaps.nodeColumns)
    this.#records = new FileRecords(this.#statements, gaps.legacySessions)
  }

  /** While tables are missing, another client may make them at any time. */
  #watchSchema(): void {
    if (!this.#complete && this.#readSchemaVersion() !== this.#schemaVersion) this.#adoptSchema()
  }

  #readSchemaVersion(): unknown {
    return this.#db.pragma('main.schema_version', { simple: true })
  }

  /** Run `work` when no other process is in the way. It must be repeatable until it returns. */
  async #whenFree<T>(work: () => T): Promise<T> {
    for (let attempt = 0, since = 0; ; attempt++) {
      if (this.#closed) throw new BackendError('closed', `${this.address}: the metadata file has been closed`)
      try {
        return work()
      } catch (error) {
        const { clock } = this.#parts
        if (attempt === 0) since = clock.monotonicMs()
        if (!isBusy(error) || clock.monotonicMs() - since > WAIT_MS) throw fromSqlite(error, this.address)
        await this.#pause(attempt)
      }
    }
  }

  async #pause(attempt: number): Promise<void> {
    if (attempt < EAGER_TRIES) return new Promise((resolve) => setImmediate(resolve))
    const { clock, random } = this.#parts
    const most = Math.min(MAX_PAUSE_MS, 2 * (attempt - EAGER_TRIES + 1))
    await clock.sleep(1 + random.next() * most)
  }
}
