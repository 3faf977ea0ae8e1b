/** One commit, until it is applied or refused: its tries, conflicts with other clients, and lost connections. */
import type { Clock } from '#core/base/clock.ts'
import { BackendError, ENOENT, fail } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Random } from '#core/base/random.ts'
import type {
  Change,
  CommitResult,
  FailedGuard,
  Guard,
  MetaEngine,
  RecordKey,
  RecordValue,
} from '#core/meta/engine.ts'
import type { Backend, Connection } from './connection.ts'
import { betraysPooler, fromPostgres, isConflict, isTold, LostAnswer } from './errors.ts'
import {
  type CommitFunction,
  CommitFunctions,
  callParams,
  GUARD_FAILED,
  NODE_GONE,
  parseIntegers,
  readAnswers,
} from './functions.ts'
import { judge, readReplies } from './outcome.ts'
import { type Plan, planCommit } from './plan.ts'
import { type Pool, WAIT_MS } from './pool.ts'
import { Prepared } from './statement.ts'
import {
  commitInTransaction,
  failedGuards,
  fatesOf,
  guardReads,
  LostCommit,
  type Records,
} from './transaction.ts'
import { mayFollow, type Unsettled } from './unsettled.ts'

/** As the reference has it (meta-sql-and-tkv.md §A6): pauses below k² ms after try k, here up to MAX_PAUSE_MS. */
const MAX_TRIES = 50
const MAX_PAUSE_MS = 200
/** How long a server process may go on after its client is gone. */
const BACKEND_MS = 30_000

const STILL_THERE = new Prepared(
  'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::integer AND extract(epoch FROM backend_start)::text = $2::text',
)

/** A function call whose answer was lost. */
class LostCall extends LostAnswer {
  override readonly name = 'LostCall'
  readonly backend: Backend

  constructor(backend: Backend, cause: unknown) {
    super('the connection was lost during a commit', { cause })
    this.backend = backend
  }
}

/** Somebody holds or has changed what the commit needs; `duplicate`: a record that should be new is there. */
interface Missed {
  readonly missed: true
  readonly duplicate: boolean
}

export interface CommitterParts {
  readonly address: string
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly unsettled: Unsettled
  /** As the engine reads, for looking at what happened. */
  readonly read: MetaEngine['read']
}

export class Committer {
  readonly #parts: CommitterParts
  readonly #records: Records
  readonly #functions: CommitFunctions
  /** The server, or who stands before it, lets us make no functions. */
  #refused = false

  constructor(parts: CommitterParts, records: Records) {
    this.#parts = parts
    this.#records = records
    this.#functions = new CommitFunctions(records.statements.layout)
  }

  /** Why commits are statements and not calls; undefined when they are calls. */
  get refused(): boolean {
    return this.#refused
  }

  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    const { clock, random, address, unsettled } = this.#parts
    if (unsettled.full) await unsettled.flush()
    const plan = planCommit(this.#records.statements.layout, guards, changes, this.#records.legacySessions)
    if (plan.steps.length === 0 && guards.length === 0)
      return { ok: true, replies: new Array<number>(changes.length).fill(0) }
    const deadline = clock.monotonicMs() + WAIT_MS
    let duplicates = 0
    for (let attempt = 1; attempt <= MAX_TRIES && clock.monotonicMs() < deadline; attempt++) {
      const outcome = await this.#try(op, plan, guards, changes, attempt, deadline)
      if (!('missed' in outcome)) return outcome
      const failed = await this.#failedNow(guards)
      if (failed.length > 0) return { ok: false, failed }
      if (outcome.duplicate && ++duplicates > 2)
        throw new BackendError('conflict', `${address}: a record with this key is there already`)
      await clock.sleep(random.next() * Math.min(MAX_PAUSE_MS, attempt * attempt))
    }
    throw new BackendError(
      'unavailable',
      `${address}: other clients keep the records of this operation locked`,
    )
  }

  async #try(
    op: string,
    plan: Plan,
    guards: readonly Guard[],
    changes: readonly Change[],
    attempt: number,
    deadline: number,
  ): Promise<CommitResult | Missed> {
    try {
      return await this.#parts.pool.use((connection) => {
        // What SQL does not find equal may still be so: every other try compares what it reads.
        const call =
          connection.pooled || this.#refused || attempt % 2 === 0
            ? undefined
            : this.#functions.of(plan, !this.#parts.pool.strict && mayFollow(changes))
        if (call === undefined)
          return commitInTransaction(connection, this.#records, op, plan, guards, changes)
        return this.#call(connection, call, op, plan, guards, changes)
      }, deadline)
    } catch (error) {
      if (error instanceof LostCommit) return this.#afterCommit(error, guards, changes)
      if (error instanceof LostCall) return this.#afterCall(error, guards, changes)
      if (error instanceof LostAnswer) return { missed: true, duplicate: false }
      if (isTold(error) && error.code === NODE_GONE) throw fail(ENOENT, op, 'the node is gone')
      if (isConflict(error)) return { missed: true, duplicate: error.code === '23505' }
      if (isTold(error) && error.code === GUARD_FAILED) return { missed: true, duplicate: false }
      throw fromPostgres(error, this.#parts.address)
    }
  }

  async #call(
    connection: Connection,
    of: CommitFunction,
    op: string,
    plan: Plan,
    guards: readonly Guard[],
    changes: readonly Change[],
  ): Promise<CommitResult | Missed> {
    if (!connection.functions.has(of.name)) {
      try {
        await connection.run([{ statement: of.definition, params: [] }])
      } catch (error) {
        if (!isTold(error)) throw error
        this.#refuse(error)
        return commitInTransaction(connection, this.#records, op, plan, guards, changes)
      }
      connection.functions.add(of.name)
    }
    try {
      const [answer] = await connection.run([{ statement: of.call, params: callParams(plan.call!) }])
      const text = answer!.rows[0]![0] as string | null
      if (text === null) return { missed: true, duplicate: false }
      const inoOf = (change: number) => (changes[change] as { ino: number }).ino
      const integers = parseIntegers(text)
      const from = of.ahead ? 2 : 0
      const answers = readAnswers(integers, from, plan.call!.steps, changes.length, inoOf)
      if (of.ahead) {
        const [number, position] = integers as [number, number]
        const transaction = { number, incarnation: connection.incarnation, position }
        this.#parts.unsettled.add({ op, plan, guards, changes, order: position, transaction })
      }
      return { ok: true, ...answers }
    } catch (error) {
      if (error instanceof LostAnswer) throw new LostCall(connection.backend, error)
      if (!betraysPooler(error)) throw error
      connection.distrust()
      this.#refuse(error as Error)
      return commitInTransaction(connection, this.#records, op, plan, guards, changes)
    }
  }

  #refuse(error: Error): void {
    if (this.#refused) return
    this.#refused = true
    const { log, address } = this.#parts
    log.warn('commits take two round trips: the server keeps no function for us', {
      address,
      error: error.message,
    })
  }

  async #failedNow(guards: readonly Guard[]): Promise<readonly FailedGuard[]> {
    if (guards.length === 0) return []
    const reads = guardReads(guards, this.#records)
    return failedGuards(guards, await this.#ask((connection) => connection.run(reads)))
  }

  /** Run what may be sent twice. */
  async #ask<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { clock, pool, address } = this.#parts
    const deadline = clock.monotonicMs() + WAIT_MS
    for (;;) {
      try {
        return await pool.use(work, deadline)
      } catch (error) {
        if (!(error instanceof LostAnswer)) throw fromPostgres(error, address)
        if (clock.monotonicMs() >= deadline) throw this.#unclear(error)
      }
    }
  }

  /** The answer to a COMMIT was lost. */
  async #afterCommit(
    lost: LostCommit,
    guards: readonly Guard[],
    changes: readonly Change[],
  ): Promise<CommitResult | Missed> {
    const until = this.#parts.clock.monotonicMs() + BACKEND_MS
    for (;;) {
      const [fate] = await this.#ask((connection) => fatesOf(connection, [lost.transaction]))
      if (fate === 'aborted') return { missed: true, duplicate: false }
      // The number alone is no proof after a crash of the server, as locks may be all that had been logged by then.
      if (fate === 'committed') return this.#judge(guards, changes, true)
      if (this.#parts.clock.monotonicMs() > until) throw this.#unclear()
      await this.#parts.clock.sleep(20)
    }
  }

  async #afterCall(
    { backend }: LostCall,
    guards: readonly Guard[],
    changes: readonly Change[],
  ): Promise<CommitResult | Missed> {
    await this.#untilGone(backend)
    return this.#judge(guards, changes, false)
  }

  /** By what is there, now that nobody works on the commit any more; `likely`: its number is one of those committed. */
  async #judge(
    guards: readonly Guard[],
    changes: readonly Change[],
    likely: boolean,
  ): Promise<CommitResult | Missed> {
    const failed = await this.#failedNow(guards)
    const read = (keys: readonly RecordKey[]): Promise<readonly RecordValue[]> => this.#parts.read(keys)
    const verdict = await judge(guards, changes, failed, read)
    this.#parts.log.info('a commit lost its connection', { verdict })
    if (verdict === 'applied' || (verdict === 'unknown' && likely)) {
      await this.#parts.unsettled.flush()
      return { ok: true, replies: await readReplies(changes, this.#parts.read) }
    }
    if (verdict === 'unknown') throw this.#unclear()
    return failed.length > 0 ? { ok: false, failed } : { missed: true, duplicate: false }
  }

  /** The server process may still be at it: end it, and wait until it has ended. */
  async #untilGone({ pid, started }: Backend): Promise<void> {
    const { clock } = this.#parts
    const until = clock.monotonicMs() + BACKEND_MS
    for (;;) {
      const [answer] = await this.#ask((connection) =>
        connection.run([{ statement: STILL_THERE, params: [pid, started] }]),
      )
      if (answer!.rows.length === 0) return
      if (clock.monotonicMs() > until) throw this.#unclear()
      await clock.sleep(10)
    }
  }

  #unclear(cause?: unknown): BackendError {
    const what = 'the connection was lost during a commit, and whether it was applied cannot be told'
    return new BackendError('unavailable', `${this.#parts.address}: ${what}`, { cause })
  }
}
