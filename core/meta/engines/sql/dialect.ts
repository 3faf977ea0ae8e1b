/** What two SQL databases say differently about one layout. */

/** Column types of the format. Source: shared/spec/meta-sql-and-tkv.md §A3. */
export type ColumnType = 'I64' | 'I32' | 'ID64' | 'ID32' | 'STR' | 'TXT' | 'BLB'

/**
 * Placeholders in statements: 64 and 32-bit integers, bytes, text, and bytes that are the name of a text column.
 */
export type ParamType = 'i64' | 'i32' | 'bytes' | 'text' | 'name'

/** A bound value. An integer is a bigint only where a number would not be exact. */
export type SqlValue = number | bigint | string | Uint8Array

export interface Dialect {
  /** An identifier as the reference client's DDL quotes it. */
  quote(name: string): string
  /** Type of a column in DDL, for key columns of type ID including the words that make it the key. */
  readonly types: Readonly<Record<ColumnType, string>>
  /** How `CREATE TABLE` and `CREATE INDEX` are told that it may be there already; ends in a space or is empty. */
  readonly ifNotExists: string
  /** In `CREATE INDEX` the schema stands before the index's name (else before the table's). */
  readonly indexBySchema: boolean
  /** A stored inode in the carried form of base/ino.ts; NULL reads as 0. */
  carried(column: string): string
  /** A column of bytes, whatever type its value has taken on. */
  bytes(column: string): string
  /** The bytes of a text column. */
  textBytes(column: string): string
  /** A text column as what it is compared and sorted by, byte by byte. */
  bytewise(column: string): string
  /** Placeholder number `at` (from 1) of its statement. */
  param(type: ParamType, at: number): string
}
