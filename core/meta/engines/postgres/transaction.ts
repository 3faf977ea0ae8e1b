/**
 * A commit as statements of a transaction, in two round trips: lock and read what is guarded; then change and commit.
 * For shapes that are rare or long, for records that are compared only here, and behind poolers.
 */
import { ENOENT, fail } from '#core/base/errno.ts'
import type { Change, CommitResult, FailedGuard, Guard, TouchedNode } from '#core/meta/engine.ts'
import { guardedKey, mismatch } from '../sql/guards.ts'
import { keyQuery, recordFromRows } from '../sql/read.ts'
import { inoToSql, nodeFromRow } from '../sql/rows.ts'
import type { Call, Result } from './batch.ts'
import type { Connection } from './connection.ts'
import { LostAnswer } from './errors.ts'
import { insertOnly, parseIntegers, touching } from './functions.ts'
import { type Lock, lockClause, NODE_LOCK, type Plan, type PlannedStep } from './plan.ts'
import { isSameServer, type LogPoint, STARTED, SURVIVED, WAL_POSITION } from './server-life.ts'
import { Prepared } from './statement.ts'
import type { PgStatements } from './statements.ts'

const BEGIN: Call = { statement: new Prepared('BEGIN ISOLATION LEVEL READ COMMITTED'), params: [] }
const COMMIT: Call = { statement: new Prepared('COMMIT'), params: [] }
const ROLLBACK: Call = { statement: new Prepared('ROLLBACK'), params: [] }
const NUMBER: Call = { statement: new Prepared(`SELECT txid_current(), ${STARTED}`), params: [] }
const POSITION: Call = { statement: new Prepared(`SELECT ${WAL_POSITION}`), params: [] }
const LIFE: Call = { statement: new Prepared(`SELECT ${STARTED}`), params: [] }
const FATE = new Prepared(
  // Asking for a number that a crash took back, and that has not been given out again, is an error.
  `SELECT CASE WHEN $2::integer = 1 OR $3::bigint <= position AND $1::bigint < number THEN txid_status($1::bigint) END FROM ${SURVIVED}`,
)

/** What is known of a transaction that has written something, for asking what became of it. */
export interface Numbered extends LogPoint {
  /** Of the server it ran on; its log was there after something that the transaction wrote. */
  readonly incarnation: string
}

/** The answer to COMMIT was lost. */
export class LostCommit extends LostAnswer {
  override readonly name = 'LostCommit'
  readonly transaction: Numbered

  constructor(transaction: Numbered, cause: unknown) {
    super('the connection was lost while a transaction was committed', { cause })
    this.transaction = transaction
  }
}

export type Fate = 'committed' | 'aborted' | 'in progress'

/**
 * What became of transactions. A server that has crashed since, or another one in its place, may have given their
 * numbers to others, if nothing of them was in the log that it recovered.
 */
export async function fatesOf(connection: Connection, of: readonly Numbered[]): Promise<readonly Fate[]> {
  const now = connection.pooled
    ? ((await connection.run([LIFE]))[0]!.rows[0]![0] as string)
    : connection.incarnation
  const same = of.map(({ incarnation }) => isSameServer(incarnation, now))
  const answers = await connection.run(
    of.map(({ number, position }, k) => ({ statement: FATE, params: [number, Number(same[k]), position] })),
  )
  return of.map((transaction, k) => {
    const status = answers[k]!.rows[0]![0] as string | null
    if (same[k]) return status === 'committed' || status === 'in progress' ? status : 'aborted'
    // Ours would have ended with the server: what is in progress is another one.
    const outlived = connection.lives.outlived(transaction.incarnation, transaction)
    return status === 'committed' && outlived ? status : 'aborted'
  })
}

/**
 * Run `first`, then the statements that `then` makes of the answers (undefined: nothing is to be changed), as one
 * transaction, whose number it is told. Rejects the server's error with the transaction rolled back; LostAnswer when the connection went before
 * the commit was sent, so nothing happened; LostCommit after.
 */
export async function inTransaction(
  connection: Connection,
  first: readonly Call[],
  then: (answers: readonly Result[], transaction: Numbered) => readonly Call[] | undefined,
): Promise<readonly Result[]> {
  let known: Numbered | undefined
  let committing = false
  try {
    const results = await connection.run([BEGIN, NUMBER, ...first, POSITION])
    const [number, started] = results[1]!.rows[0] as [number, string]
    const position = results.at(-1)!.rows[0]![0] as number
    // A pooler may have brought us to a server that has been started anew since it was asked.
    known = { number, incarnation: connection.pooled ? started : connection.incarnation, position }
    const calls = then(results.slice(2, -1), known)
    if (calls === undefined) {
      await connection.run([ROLLBACK])
      return []
    }
    committing = true
    return await connection.run([...calls, COMMIT])
  } catch (error) {
    if (error instanceof LostAnswer)
      throw committing && known !== undefined ? new LostCommit(known, error) : error
    // The server ended the transaction with its error; it waits to be told that we know.
    if (!connection.lost) await connection.run([ROLLBACK]).catch(() => {})
    throw error
  }
}

/** Rejects as `inTransaction` does, and ENOENT when a node to be touched is gone. */
export async function commitInTransaction(
  connection: Connection,
  records: Records,
  op: string,
  plan: Plan,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<CommitResult> {
  const { statements } = records
  const locks = [...plan.locks, ...touchLocks(plan, changes)].map(({ template, params, strength }, k) => ({
    statement: statements.ofTemplate(template + lockClause(strength, k === 0, 'NOWAIT')),
    params,
  }))
  const reads = guardReads(guards, records)
  let failed: readonly FailedGuard[] = []
  let gone = false
  const answers = await inTransaction(connection, [...locks, ...reads], (results) => {
    failed = failedGuards(guards, results.slice(locks.length))
    gone = results.slice(plan.locks.length, locks.length).some(({ rows }) => rows.length === 0)
    if (failed.length > 0 || gone) return undefined
    return plan.steps.map((step) => stepCall(step, statements))
  })
  if (failed.length > 0) return { ok: false, failed }
  if (gone) throw fail(ENOENT, op, 'the node is gone')
  return readResults(plan.steps, answers, changes)
}

/** What statements and decoding depend on. */
export interface Records {
  readonly statements: PgStatements
  readonly legacySessions: boolean
}

/** Touched nodes must be there, and stay: unless this very commit makes them. */
function touchLocks({ steps }: Plan, changes: readonly Change[]): readonly Lock[] {
  const made = new Set(changes.flatMap((change) => (change.kind === 'putNode' ? [change.ino] : [])))
  return steps
    .filter(({ reply }) => reply?.from === 'needed')
    .map(({ change }) => (changes[change] as Extract<Change, { kind: 'touchNode' }>).ino)
    .filter((ino) => !made.has(ino))
    .map((ino) => ({ template: NODE_LOCK, params: [inoToSql(ino)], strength: 'KEY SHARE' }))
}

/** Statements that read what guards are about, one for each guard. */
export function guardReads(guards: readonly Guard[], { statements, legacySessions }: Records): Call[] {
  return guards.map((guard) => {
    const key = guardedKey(guard)
    if (key === undefined) {
      const { ino } = guard as Extract<Guard, { kind: 'emptyDir' }>
      return { statement: statements.of('anyEdge'), params: [inoToSql(ino)] }
    }
    const { statement, params } = keyQuery(key, legacySessions)
    return { statement: statements.of(statement), params }
  })
}

/** The guards that do not hold, by the answers to their `guardReads`. */
export function failedGuards(guards: readonly Guard[], answers: readonly Result[]): readonly FailedGuard[] {
  const failed: FailedGuard[] = []
  for (const [at, guard] of guards.entries()) {
    const key = guardedKey(guard)
    const { rows } = answers[at]!
    const actual =
      key === undefined ? (rows.length === 0 ? undefined : false) : mismatch(guard, recordFromRows(key, rows))
    if (actual !== undefined) failed.push({ guard: at, actual })
  }
  return failed
}

function stepCall({ statement, params, fresh, reply }: PlannedStep, statements: PgStatements): Call {
  const template = statements.layout.template(statement)
  if (reply?.from === 'needed') return { statement: statements.ofTemplate(touching(template)), params }
  if (fresh) return { statement: statements.ofTemplate(insertOnly(template)), params }
  return { statement: statements.of(statement), params }
}

function readResults(
  steps: readonly PlannedStep[],
  answers: readonly Result[],
  changes: readonly Change[],
): CommitResult {
  const replies = new Array<number>(changes.length).fill(0)
  const touched: TouchedNode[] = []
  for (const [k, { reply, change }] of steps.entries()) {
    const { rows, count } = answers[k]!
    const value = rows[0]?.[0]
    if (reply?.from === 'value') replies[change] = (value as number | undefined) ?? reply.otherwise
    else if (reply?.from === 'changed') replies[change] = count
    else if (reply?.from === 'needed') {
      const { ino } = changes[change] as Extract<Change, { kind: 'touchNode' }>
      touched.push({ ino, node: nodeFromRow(parseIntegers(value as string), 0) })
    }
  }
  return { ok: true, replies, touched }
}
