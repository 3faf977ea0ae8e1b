/** The schema of a metadata file: what is there, what is missing, and what stands in for it. */
import type { Database } from 'better-sqlite3'
import {
  fillingStatements,
  gapsIn,
  LEGACY_SESSIONS,
  type Place,
  type SchemaGaps,
  TABLES,
  tableBody,
} from '../sql/tables.ts'
import { sqliteDialect } from './dialect.ts'

/** Tables of the file itself, not the temporary ones that stand in. */
export function filePlace(prefix: string): Place {
  return { prefix, schema: 'main.' }
}

export function findGaps(db: Database, prefix: string): SchemaGaps {
  const rows = db
    .prepare("SELECT type, name FROM main.sqlite_schema WHERE type IN ('table', 'index')")
    .all() as { type: string; name: string }[]
  const names = (type: string): ReadonlySet<string> =>
    new Set(rows.filter((row) => row.type === type).map((row) => row.name))
  const tables = names('table')
  const nodeColumns = tables.has(`${prefix}node`)
    ? new Set((db.pragma(`main.table_info(\`${prefix}node\`)`) as { name: string }[]).map((row) => row.name))
    : undefined
  return gapsIn({ tables, indexes: names('index'), nodeColumns }, prefix)
}

/** Make what is missing, in creation order. Inside the caller's transaction. */
export function fillGaps(db: Database, prefix: string, gaps: SchemaGaps): void {
  for (const statement of fillingStatements(sqliteDialect, filePlace(prefix), gaps)) db.exec(statement)
}

/**
 * Stand in for missing tables with empty temporary ones (they win over the file's in name resolution), so that
 * statements work on old volumes that must not be written.
 */
export function shadowGaps(db: Database, prefix: string, gaps: SchemaGaps): void {
  for (const table of gaps.tables)
    db.exec(`CREATE TEMP TABLE IF NOT EXISTS \`${prefix}${table}\` (${tableBody(sqliteDialect, table)})`)
}

export function dropShadows(db: Database, prefix: string): void {
  for (const table of Object.keys(TABLES)) db.exec(`DROP TABLE IF EXISTS temp.\`${prefix}${table}\``)
}

export function dropTables(db: Database, prefix: string): void {
  for (const table of [...Object.keys(TABLES), LEGACY_SESSIONS])
    db.exec(`DROP TABLE IF EXISTS main.\`${prefix}${table}\``)
}
