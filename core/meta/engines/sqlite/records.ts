/** Records in a metadata file: reading, checking and changing them, synchronously. */
import { ENOENT, fail } from '#core/base/errno.ts'
import type {
  Change,
  FailedGuard,
  Guard,
  ListTypes,
  Page,
  PageRequest,
  RecordKey,
  RecordRange,
  RecordValue,
} from '#core/meta/engine.ts'
import type { Edge, NodeRecord } from '#core/meta/records.ts'
import { type Step, stepsOf } from '../sql/changes.ts'
import { guardedKey, mismatch } from '../sql/guards.ts'
import { pageQuery } from '../sql/list.ts'
import { keyQuery, recordFromRows, takesRows } from '../sql/read.ts'
import { inoToSql } from '../sql/rows.ts'
import type { Row } from '../sql/statements.ts'
import type { Statements } from './statements.ts'

const NO_ROWS: readonly Row[] = []

export class FileRecords {
  readonly #statements: Statements
  readonly #legacySessions: boolean

  /** `legacySessions`: the table of sessions from before 1.0 exists. */
  constructor(statements: Statements, legacySessions: boolean) {
    this.#statements = statements
    this.#legacySessions = legacySessions
  }

  /** @hot */
  read(key: RecordKey): RecordValue {
    if (key.kind === 'entry') return this.#readEntry(key)
    const { statement, params } = keyQuery(key, this.#legacySessions)
    if (takesRows(key)) return recordFromRows(key, this.#statements.rows(statement, params))
    const row = this.#statements.row(statement, params)
    return recordFromRows(key, row === undefined ? NO_ROWS : [row])
  }

  list(range: RecordRange, request: PageRequest): Page<ListTypes[RecordRange['kind']]> {
    const { statement, params, page } = pageQuery(range, request, this.#legacySessions)
    return page(this.#statements.rows(statement, params))
  }

  /** The guards that do not hold, with what is there instead. Inside the commit's transaction. */
  failed(guards: readonly Guard[]): readonly FailedGuard[] {
    const failed: FailedGuard[] = []
    for (let guard = 0; guard < guards.length; guard++) {
      const actual = this.#mismatch(guards[guard]!)
      if (actual !== undefined) failed.push({ guard, actual })
    }
    return failed
  }

  /** Apply one change; returns its reply. Inside the commit's transaction. @hot */
  apply(op: string, change: Change): number {
    if (change.kind === 'addUsage') return this.#addUsage(change.space, change.inodes)
    let reply = 0
    for (const step of stepsOf(change, this.#legacySessions)) reply += this.#run(op, step)
    return reply
  }

  /**
   * As edge, then node: this build of SQLite (STAT4) prepares a join anew for every set of parameters, which makes it
   * 4 times slower than both.
   */
  #readEntry(key: Extract<RecordKey, { kind: 'entry' }>): RecordValue {
    const edge = this.read({ kind: 'edge', parent: key.parent, name: key.name }) as Edge | null
    if (edge === null) return null
    const node = this.read({ kind: 'node', ino: edge.ino }) as NodeRecord | null
    return { ino: edge.ino, type: edge.type, node }
  }

  #mismatch(guard: Guard): FailedGuard['actual'] | undefined {
    const key = guardedKey(guard)
    if (key !== undefined) return mismatch(guard, this.read(key))
    const { ino } = guard as Extract<Guard, { kind: 'emptyDir' }>
    return this.#statements.row('anyEdge', [inoToSql(ino)]) === undefined ? undefined : false
  }

  #run(op: string, { statement, params, reply }: Step): number {
    if (reply?.from === 'value')
      return (this.#statements.row(statement, params)?.[0] as number | undefined) ?? reply.otherwise
    const changed = this.#statements.run(statement, params)
    if (reply?.from === 'changed') return changed
    if (reply?.from === 'needed' && changed === 0) throw fail(ENOENT, op, 'the node is gone')
    return 0
  }

  /** One statement for both totals, which have their rows but for damage. */
  #addUsage(space: number, inodes: number): number {
    const s = this.#statements
    if (s.run('addUsage', [space, inodes]) === 2) return 0
    s.run('addUsage', [-space, -inodes])
    s.run('makeCounter', ['usedSpace', 0])
    s.run('makeCounter', ['totalInodes', 0])
    s.run('addUsage', [space, inodes])
    return 0
  }
}
