/** How SQLite says it. */
import { WIRE_OFFSET } from '#core/base/ino.ts'
import type { Dialect } from '../sql/dialect.ts'

/**
 * Byte columns are bound as Buffer (a TEXT 'a' never equals a BLOB 'a'), xattr names are cast to TEXT, and byte
 * columns are read through a cast because the reference's appends leave `slices` TEXT-typed. Source: §A5.
 */
export const sqliteDialect: Dialect = {
  quote: (name) => `\`${name}\``,
  types: {
    I64: 'INTEGER',
    I32: 'INTEGER',
    ID64: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    ID32: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    STR: 'TEXT',
    TXT: 'TEXT',
    BLB: 'BLOB',
  },
  ifNotExists: '',
  indexBySchema: true,
  carried: (column) => `iif(${column} >> 53, ${column} - ${WIRE_OFFSET}, ifnull(${column}, 0))`,
  bytes: (column) => `CAST(${column} AS BLOB)`,
  textBytes: (column) => `CAST(${column} AS BLOB)`,
  bytewise: (column) => column,
  param: (type) => (type === 'name' ? 'CAST(? AS TEXT)' : '?'),
}
