/**
 * Metadata in PostgreSQL, in the tables that JuiceFS clients share: a read is one round trip whatever it asks for, a
 * commit is one call of a function in the session's temporary schema (functions.ts), or two round trips of statements
 * where that cannot be (transaction.ts). What is locked and in which order is decided in plan.ts.
 *
 * Names, attributes and data are answered before the server's disk has them, and kept until it does (unsettled.ts);
 * volume totals and quota usage are summed and written a tenth of a second later (usage.ts).
 *
 * Source: shared/spec/meta-sql-and-tkv.md part A.
 */
import { isUtf8 } from 'node:buffer'
import type { Clock } from '#core/base/clock.ts'
import { BackendError, EINVAL, EOVERFLOW, fail } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import type { Log } from '#core/base/log.ts'
import { nameToBytes } from '#core/base/name.ts'
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
  RecordValue,
  RecordValues,
} from '#core/meta/engine.ts'
import type { AclRule, CounterName, GateName } from '#core/meta/records.ts'
import { encodeAclEntries } from '#core/meta/records-codec.ts'
import { counterParams, firstGiven } from '../sql/changes.ts'
import { pageQuery } from '../sql/list.ts'
import { keyQuery, type Query, recordFromRows } from '../sql/read.ts'
import { exact } from '../sql/rows.ts'
import { SqlLayout } from '../sql/statements.ts'
import { isComplete, type SchemaGaps } from '../sql/tables.ts'
import { isUsage } from '../usage-sums.ts'
import type { Call, Result } from './batch.ts'
import { examineServer, serverTimeMs, spaceUsed } from './checks.ts'
import { Committer } from './commit.ts'
import type { Connection } from './connection.ts'
import { postgresDialect } from './dialect.ts'
import { fromPostgres, isConflict, LostAnswer } from './errors.ts'
import { type Pool, WAIT_MS } from './pool.ts'
import { RecentChanges } from './recent.ts'
import { dropTables, emptyTable, fillGaps, findGaps, makeTables, placeOf, type Where } from './schema.ts'
import { PgStatements } from './statements.ts'
import type { Records } from './transaction.ts'
import { Unsettled } from './unsettled.ts'
import { Usage } from './usage.ts'

/** While tables are missing another client may make them: how often to look. */
const LOOK_MS = 5_000
const MAX_I32 = 2 ** 31 - 1

export interface PostgresParts {
  readonly address: string
  readonly pool: Pool
  readonly where: Where
  readonly readOnly: boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** What depends on the schema as it was found. */
interface Schema extends Records {
  readonly complete: boolean
  /** There is nothing of a volume. */
  readonly empty: boolean
  readonly committer: Committer
}

export class PostgresEngine implements MetaEngine {
  readonly scheme = 'postgres'
  readonly address: string
  readonly #parts: PostgresParts
  readonly #usage: Usage
  readonly #unsettled: Unsettled
  #schema!: Schema
  #lookedMs = 0
  #recent: RecentChanges | undefined
  #closing: Promise<void> | undefined

  /** Use `openPostgres`. */
  private constructor(parts: PostgresParts) {
    this.address = parts.address
    this.#parts = parts
    this.#usage = new Usage(parts.pool, () => this.#schema.statements, parts.log)
    this.#unsettled = new Unsettled({ ...parts, records: () => this.#schema })
    parts.pool.before = (connection) => this.#unsettled.before(connection)
  }

  static async open(parts: PostgresParts): Promise<PostgresEngine> {
    const engine = new PostgresEngine(parts)
    await engine.#look()
    return engine
  }

  async read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    await this.#watchSchema()
    const shared = keys.some((key) => this.#usage.concerns(key))
    for (;;) {
      while (shared && this.#usage.flushing !== undefined) await this.#usage.flushing
      const { epoch } = this.#usage
      const values = await this.#readAll(keys)
      if (!shared) return values as RecordValues<Keys>
      if (epoch !== this.#usage.epoch) continue
      return keys.map((key, k) =>
        this.#usage.concerns(key) ? this.#usage.complete(key, values[k]!) : values[k],
      ) as RecordValues<Keys>
    }
  }

  async list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>> {
    await this.#watchSchema()
    if (range.kind === 'quotas') await this.#usage.flush()
    const query = pageQuery(range, page, this.#schema.legacySessions)
    const [result] = await this.#ask([this.#call(query)])
    return query.page(result!.rows) as Page<ListTypes[R['kind']]>
  }

  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    for (const change of changes) refuseUnstorable(op, change)
    await this.#requireSchema()
    if (changes.some(setsUsage)) await this.#usage.flush()
    const result = await this.#schema.committer.commit(op, guards, changes)
    if (result.ok) for (const change of changes) if (isUsage(change)) this.#usage.add(change)
    return result
  }

  async allocate(counter: CounterName, n: number): Promise<number> {
    await this.#requireSchema()
    const [result] = await this.#ask([
      { statement: this.#schema.statements.of('addCounter'), params: counterParams(counter, n) },
    ])
    return firstGiven(counter, exact(result!.rows[0]![0], `counter ${counter}`), n)
  }

  async claim(gate: GateName, now: number, period: number): Promise<boolean> {
    await this.#requireSchema()
    const params = [gate, now, period]
    const [result] = await this.#ask([{ statement: this.#schema.statements.of('claim'), params }])
    return result!.count > 0
  }

  async insertAcl(rule: AclRule): Promise<number> {
    await this.#requireSchema()
    const { owner, group, mask, other } = rule
    const params = [owner, group, mask, other, encodeAclEntries(rule.users), encodeAclEntries(rule.groups)]
    const [result] = await this.#ask([{ statement: this.#schema.statements.of('insertAcl'), params }])
    return result!.rows[0]![0] as number
  }

  /** Grows when the server has crashed, and with it perhaps what other clients had been told. */
  get crashes(): number {
    return this.#parts.pool.crashes
  }

  /**
   * What was answered before is on the server's disk (unsettled.ts), and usage sums with it: they are written first,
   * without a wait of their own.
   */
  async sync(): Promise<void> {
    if (this.#closing !== undefined) throw this.#closedError()
    try {
      for (;;) {
        await this.#usage.flush(false)
        const { written } = this.#usage
        const { crashes } = this
        await this.#unsettled.sync(written.length > 0)
        if (written.every((each) => each.crashes === this.crashes) && crashes === this.crashes)
          return this.#usage.settled(written)
      }
    } catch (error) {
      throw this.#asBackendError(error)
    }
  }

  async initialize(): Promise<void> {
    await this.#change((connection) => makeTables(connection, this.#parts.where, this.address))
  }

  async upgrade(): Promise<void> {
    await this.#change((connection) => fillGaps(connection, this.#parts.where))
  }

  async destroy(): Promise<void> {
    await this.#usage.flush()
    await this.#change((connection) => dropTables(connection, this.#parts.where))
  }

  async examine(): Promise<readonly Finding[]> {
    const { pool, where } = this.#parts
    return this.#repeat((connection) => examineServer(connection, where, pool.user))
  }

  async recentChanges(
    mark: string | undefined,
  ): Promise<{ readonly mark: string; readonly changes?: readonly RecentChange[] }> {
    await this.#requireSchema()
    this.#recent ??= new RecentChanges(this.#parts.where)
    return this.#recent.since(mark, (calls) => this.#ask(calls))
  }

  async space(): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }> {
    return this.#repeat((connection) => spaceUsed(connection, this.#parts.where))
  }

  async serverTimeMs(): Promise<number> {
    return this.#repeat(serverTimeMs)
  }

  /** Writes the sums that wait, for as long as a connection is waited for, then lets what is under way finish. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    try {
      await this.#usage.flush()
    } catch (error) {
      const lost = 'usage counters of this client were not written; fsck counts anew'
      this.#parts.log.warn(lost, { address: this.address, error: String(error) })
    }
    this.#usage.stop()
    try {
      await this.#unsettled.sync()
    } catch (error) {
      const doubtful = 'operations of the last moment may not be on the disk of the metadata server'
      this.#parts.log.warn(doubtful, { address: this.address, error: String(error) })
    }
    this.#unsettled.stop()
    await this.#parts.pool.close()
  }

  async #readAll(keys: readonly RecordKey[]): Promise<readonly RecordValue[]> {
    const { legacySessions } = this.#schema
    const calls: Call[] = []
    for (const key of keys) if (isStorable(key)) calls.push(this.#call(keyQuery(key, legacySessions)))
    const results = calls.length === 0 ? [] : await this.#ask(calls)
    let at = 0
    return keys.map((key) => (isStorable(key) ? recordFromRows(key, results[at++]!.rows) : null))
  }

  #call({ statement, params }: Query): Call {
    return { statement: this.#schema.statements.of(statement), params }
  }

  #ask(calls: readonly Call[]): Promise<readonly Result[]> {
    return this.#repeat((connection) => connection.run(calls))
  }

  /** Run what may be sent twice, until there is an answer. */
  async #repeat<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { pool, clock } = this.#parts
    const deadline = clock.monotonicMs() + WAIT_MS
    for (;;) {
      try {
        return await pool.use(work, deadline)
      } catch (error) {
        const again = error instanceof LostAnswer || isConflict(error)
        if (!again || clock.monotonicMs() >= deadline) throw this.#asBackendError(error)
      }
    }
  }

  #asBackendError(error: unknown): unknown {
    if (!(error instanceof LostAnswer)) return fromPostgres(error, this.address)
    const what = `the connection to the server is lost again and again (${error.message})`
    return new BackendError('unavailable', `${this.address}: ${what}`, { cause: error })
  }

  #closedError(): BackendError {
    return new BackendError('closed', `${this.address}: the metadata engine has been closed`)
  }

  /** Change the schema, then look at it anew. */
  async #change(work: (connection: Connection) => Promise<void>): Promise<void> {
    try {
      await this.#repeat(work)
    } finally {
      await this.#look()
    }
  }

  async #requireSchema(): Promise<void> {
    if (this.#closing !== undefined) throw this.#closedError()
    if (!this.#schema.complete) await this.upgrade()
  }

  async #watchSchema(): Promise<void> {
    if (this.#closing !== undefined) throw this.#closedError()
    if (this.#schema.complete) return
    const now = this.#parts.clock.monotonicMs()
    if (this.#schema.empty || now - this.#lookedMs > LOOK_MS) await this.#look()
  }

  async #look(): Promise<void> {
    const { where, clock } = this.#parts
    const gaps = await this.#repeat((connection) => findGaps(connection, where))
    this.#lookedMs = clock.monotonicMs()
    this.#schema = this.#schemaWith(gaps)
  }

  #schemaWith(gaps: SchemaGaps): Schema {
    const missing = new Set(gaps.tables)
    const layout = new SqlLayout({
      dialect: postgresDialect,
      place: placeOf(this.#parts.where),
      missingColumns: gaps.nodeColumns,
      standIn: (table) => (missing.has(table) ? emptyTable(table) : undefined),
    })
    const records = { statements: new PgStatements(layout), legacySessions: gaps.legacySessions }
    const committer = new Committer(
      {
        ...this.#parts,
        unsettled: this.#unsettled,
        read: ((keys: readonly RecordKey[]) => this.#readAll(keys)) as MetaEngine['read'],
      },
      records,
    )
    return { ...records, committer, complete: isComplete(gaps), empty: missing.has('setting') }
  }
}

/** Names of xattrs are text here, which is UTF-8. What cannot be stored is not there. */
function isStorable(key: RecordKey): boolean {
  return key.kind !== 'xattr' || isUtf8(nameToBytes(key.name))
}

/**
 * Values that the columns do not hold: ids and device numbers of 2^31 and more (EOVERFLOW, what Linux says of ids a
 * file system cannot represent; the reference client says EIO), names of xattrs that are no UTF-8 (EINVAL).
 * Source: §A5.
 */
function refuseUnstorable(op: string, change: Change): void {
  if (change.kind === 'putNode') {
    const { uid, gid, rdev } = change.node
    if (uid <= MAX_I32 && gid <= MAX_I32 && rdev <= MAX_I32) return
    throw fail(EOVERFLOW, op, 'PostgreSQL volumes hold user, group and device numbers below 2^31 only')
  }
  if ((change.kind === 'putXattr' || change.kind === 'delXattr') && !isUtf8(nameToBytes(change.name)))
    throw fail(EINVAL, op, 'PostgreSQL volumes hold names of extended attributes in UTF-8 only')
}

/** Sets a figure that sums are waiting to be added to. */
function setsUsage(change: Change): boolean {
  if (change.kind === 'putCounter') return change.name === 'usedSpace' || change.name === 'totalInodes'
  // What waits for a directory's quota changes nothing once that is gone (a directory's, in every rmdir).
  return change.kind === 'putQuota' || (change.kind === 'delQuota' && change.of !== 'dir')
}
