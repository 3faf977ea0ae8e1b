/** How PostgreSQL says it. Source: shared/spec/meta-sql-and-tkv.md §A3, A5. */
import { WIRE_OFFSET } from '#core/base/ino.ts'
import type { Dialect, ParamType } from '../sql/dialect.ts'

export const SQL_TYPES: Readonly<Record<Exclude<ParamType, 'name'>, string>> = {
  i64: 'bigint',
  i32: 'integer',
  bytes: 'bytea',
  text: 'text',
}

export const postgresDialect: Dialect = {
  quote,
  types: {
    I64: 'BIGINT',
    I32: 'INTEGER',
    ID64: 'BIGSERIAL PRIMARY KEY ',
    ID32: 'SERIAL PRIMARY KEY ',
    STR: 'VARCHAR(255)',
    TXT: 'TEXT',
    BLB: 'BYTEA',
  },
  ifNotExists: 'IF NOT EXISTS ',
  indexBySchema: false,
  carried: (column) =>
    `CASE WHEN ${column} >> 53 <> 0 THEN ${column} - ${WIRE_OFFSET} ELSE coalesce(${column}, 0) END`,
  bytes: (column) => column,
  textBytes: (column) => `convert_to(${column}, 'UTF8')`,
  // The column's own collation is the database's.
  bytewise: (column) => `${column} COLLATE "C"`,
  param: (type, at) => placeholder(type, `$${at}`),
}

/** `value`, a parameter sent as what `SQL_TYPES` says (a name: as bytes), as a term of a statement. */
export function placeholder(type: ParamType, value: string): string {
  return type === 'name' ? `convert_from(${value}::bytea, 'UTF8')` : `${value}::${SQL_TYPES[type]}`
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
