/** The statements of a metadata file, prepared on first use. All return rows as arrays. */
import type { Database, Statement } from 'better-sqlite3'
import { type Row, SqlLayout, type StatementName, WIDE } from '../sql/statements.ts'
import { sqliteDialect } from './dialect.ts'

type Prepared = Statement<unknown[], unknown[]>

const TRANSACTION = {
  snapshot: 'BEGIN',
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
} as const

export class Statements {
  readonly #db: Database
  readonly #layout: SqlLayout
  #prepared: Partial<Record<StatementName | keyof typeof TRANSACTION, Prepared>> = {}

  /** `missing`: node columns that an old volume lacks. */
  constructor(db: Database, prefix: string, missing: readonly string[]) {
    this.#db = db
    this.#layout = new SqlLayout({
      dialect: sqliteDialect,
      place: { prefix, schema: '' },
      missingColumns: missing,
    })
  }

  /** First row, or undefined. */
  row(name: StatementName, params: readonly unknown[]): Row | undefined {
    return this.#get(name).get(...params)
  }

  rows(name: StatementName, params: readonly unknown[]): readonly Row[] {
    return this.#get(name).all(...params)
  }

  /** Rows changed. */
  run(name: StatementName, params: readonly unknown[]): number {
    return this.#get(name).run(...params).changes
  }

  snapshot(): void {
    this.#control('snapshot')
  }

  /** Take the write lock. */
  begin(): void {
    this.#control('begin')
  }

  commit(): void {
    this.#control('commit')
  }

  rollback(): void {
    this.#control('rollback')
  }

  #control(name: keyof typeof TRANSACTION): void {
    const statement = (this.#prepared[name] ??= this.#db.prepare<unknown[], unknown[]>(TRANSACTION[name]))
    statement.run()
  }

  #get(name: StatementName): Prepared {
    return (this.#prepared[name] ??= this.#prepare(name))
  }

  #prepare(name: StatementName): Prepared {
    const statement = this.#db.prepare<unknown[], unknown[]>(this.#layout.text(name))
    if (statement.reader) statement.raw(true)
    if (WIDE.has(name)) statement.safeIntegers(true)
    return statement
  }
}
