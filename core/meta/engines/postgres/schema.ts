/** The schema of a volume in a database: what is there, and making what is missing. */
import { BackendError } from '#core/base/errno.ts'
import { FIRST_COUNTERS } from '../sql/changes.ts'
import {
  fillingStatements,
  gapsIn,
  isComplete,
  LEGACY_SESSIONS,
  type Place,
  type SchemaGaps,
  TABLES,
  tableName,
} from '../sql/tables.ts'
import type { Connection } from './connection.ts'
import { postgresDialect, quote, SQL_TYPES } from './dialect.ts'
import { Prepared } from './statement.ts'

export interface Where {
  /** Name of the schema. */
  readonly schema: string
  /** Full table prefix. */
  readonly prefix: string
}

export function placeOf({ schema, prefix }: Where): Place {
  return { prefix, schema: `${quote(schema)}.` }
}

const TABLE_NAMES = new Prepared(
  "SELECT c.relname::text, c.relkind::text FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE s.nspname = $1::text AND c.relkind IN ('r', 'p', 'i')",
)
const COLUMN_NAMES = new Prepared(
  'SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped',
)

export async function findGaps(connection: Connection, where: Where): Promise<SchemaGaps> {
  const node = tableName(postgresDialect, placeOf(where), 'node')
  const [relations, columns] = await connection.run([
    { statement: TABLE_NAMES, params: [where.schema] },
    { statement: COLUMN_NAMES, params: [node] },
  ])
  const names = (index: boolean): ReadonlySet<string> =>
    new Set(relations!.rows.filter(([, kind]) => (kind === 'i') === index).map(([name]) => name as string))
  const tables = names(false)
  const nodeColumns = tables.has(`${where.prefix}node`)
    ? new Set(columns!.rows.map(([name]) => name as string))
    : undefined
  return gapsIn({ tables, indexes: names(true), nodeColumns }, where.prefix)
}

/** A table without rows, in statements that read one which an old volume lacks. */
export function emptyTable(table: string): string {
  const types = {
    I64: 'i64',
    ID64: 'i64',
    I32: 'i32',
    ID32: 'i32',
    STR: 'text',
    TXT: 'text',
    BLB: 'bytes',
  } as const
  const columns = TABLES[table]!.columns.map(
    ({ name, type }) => `NULL::${SQL_TYPES[types[type]]} AS ${quote(name)}`,
  )
  return `(SELECT ${columns.join(', ')} WHERE false)`
}

/** One at a time changes the schema; another, here or elsewhere, waits. Any number will do. */
const LOCK = 'SELECT pg_advisory_xact_lock(7010331)'

/** Make tables, columns and indexes that are missing. */
export async function fillGaps(connection: Connection, where: Where): Promise<void> {
  const gaps = await findGaps(connection, where)
  if (isComplete(gaps)) return
  await connection.script(transaction(fillingStatements(postgresDialect, placeOf(where), gaps)))
}

/** Make the tables of a new volume, with its first counters. Rejects `invalid` when there is a volume. */
export async function makeTables(connection: Connection, where: Where, address: string): Promise<void> {
  const place = placeOf(where)
  const counter = tableName(postgresDialect, place, 'counter')
  const counters = FIRST_COUNTERS.map(
    ([name, value]) =>
      `INSERT INTO ${counter} (name, value) VALUES ('${name}', ${value}) ON CONFLICT DO NOTHING`,
  )
  const gaps = await findGaps(connection, where)
  for (const table of ['setting', 'node'].filter((table) => !gaps.tables.includes(table))) {
    const any = new Prepared(`SELECT 1 FROM ${tableName(postgresDialect, place, table)} LIMIT 1`)
    const [found] = await connection.run([{ statement: any, params: [] }])
    if (found!.rows.length > 0)
      throw new BackendError('invalid', `${address}: there is a volume here already`)
  }
  await connection.script(transaction([...fillingStatements(postgresDialect, place, gaps), ...counters]))
}

export async function dropTables(connection: Connection, where: Where): Promise<void> {
  const drops = [...Object.keys(TABLES), LEGACY_SESSIONS].map(
    (table) => `DROP TABLE IF EXISTS ${tableName(postgresDialect, placeOf(where), table)}`,
  )
  await connection.script(transaction(drops))
}

function transaction(statements: readonly string[]): string {
  return ['BEGIN', LOCK, ...statements, 'COMMIT'].join('; ')
}
