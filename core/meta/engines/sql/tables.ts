/**
 * The tables of a volume as release 1.4.2 makes them, word for word, so that a volume formatted here has the
 * same schema as one formatted there. Source: shared/spec/meta-sql-and-tkv.md §A2-A4.0, A4.2.
 *
 * Never add indexes or tables of our own under these names: on PostgreSQL the reference client then refuses to
 * start a session, or drops them.
 */
import type { ColumnType, Dialect } from './dialect.ts'

interface Column {
  readonly name: string
  readonly type: ColumnType
  /** What follows the type. */
  readonly rest: 'NOT NULL' | 'NULL' | 'PRIMARY KEY NOT NULL' | 'DEFAULT 0 NOT NULL'
}

interface Table {
  readonly columns: readonly Column[]
  /** Columns of a primary key of several. */
  readonly key?: readonly string[]
}

/** `name TYPE`, with `?` for nullable, `!` for the primary key, `=0` for a default of 0. */
function columns(text: string): readonly Column[] {
  return text.split(', ').map((part) => {
    const [name = '', type = ''] = part.split(' ')
    const rest = { '?': 'NULL', '!': 'PRIMARY KEY NOT NULL', '=0': 'DEFAULT 0 NOT NULL' } as const
    const mark = /[^A-Z0-9]+0?$/.exec(type)?.[0] as keyof typeof rest | undefined
    return {
      name,
      type: (mark === undefined ? type : type.slice(0, -mark.length)) as ColumnType,
      rest: mark === undefined ? 'NOT NULL' : rest[mark],
    }
  })
}

const LIMITS = 'max_space I64, max_inodes I64, used_space I64, used_inodes I64'

/** Table name without prefix → what it holds, in creation order. */
export const TABLES: Readonly<Record<string, Table>> = {
  setting: { columns: columns('name STR!, value TXT') },
  counter: { columns: columns('name STR!, value I64') },
  edge: { columns: columns('id ID64, parent I64, name BLB, inode I64, type I32') },
  node: {
    columns: columns(
      'inode I64!, type I32, flags I32, mode I32, uid I32, gid I32, atime I64, mtime I64, ctime I64, atimensec I32=0, mtimensec I32=0, ctimensec I32=0, nlink I32, length I64, rdev I32?, parent I64?, access_acl_id I32?, default_acl_id I32?, tier_id I32?',
    ),
  },
  symlink: { columns: columns('inode I64!, target BLB') },
  xattr: { columns: columns('id ID64, inode I64, name STR, value BLB') },
  chunk: { columns: columns('id ID64, inode I64, indx I32, slices BLB') },
  chunk_ref: { columns: columns('chunkid I64!, size I32, refs I32') },
  delslices: { columns: columns('chunkid I64!, deleted I64, slices BLB') },
  session2: { columns: columns('sid I64!, expire I64, info BLB?') },
  sustained: { columns: columns('id ID64, sid I64, inode I64') },
  delfile: { columns: columns('inode I64!, length I64, expire I64') },
  flock: { columns: columns('id ID64, inode I64, sid I64, owner I64, ltype I32') },
  plock: { columns: columns('id ID64, inode I64, sid I64, owner I64, records BLB') },
  dir_quota: { columns: columns(`inode I64!, ${LIMITS}`) },
  user_group_quota: { columns: columns(`qtype I32, qkey I64, ${LIMITS}`), key: ['qtype', 'qkey'] },
  dir_stats: { columns: columns('inode I64!, data_length I64, used_space I64, used_inodes I64') },
  detached_node: { columns: columns('inode I64!, added I64') },
  acl: {
    columns: columns(
      'id ID32, owner I32?, group I32?, mask I32?, other I32?, named_users BLB?, named_groups BLB?',
    ),
  },
  delegation_token: { columns: columns('id ID32, token BLB?') },
  change_log: { columns: columns('id ID64, entry TXT') },
}

/** The table of sessions from before 1.0, read where it exists and never made. */
export const LEGACY_SESSIONS = 'session'

interface Index {
  readonly table: string
  readonly name: string
  readonly columns: readonly string[]
  readonly unique: boolean
}

const INDEXES: readonly Index[] = [
  { table: 'edge', name: 'edge', columns: ['parent', 'name'], unique: true },
  { table: 'edge', name: 'inode', columns: ['inode'], unique: false },
  { table: 'xattr', name: 'name', columns: ['inode', 'name'], unique: true },
  { table: 'chunk', name: 'chunk', columns: ['inode', 'indx'], unique: true },
  { table: 'chunk_ref', name: 'refs', columns: ['refs'], unique: false },
  { table: 'sustained', name: 'sustained', columns: ['sid', 'inode'], unique: true },
  { table: 'flock', name: 'flock', columns: ['inode', 'sid', 'owner'], unique: true },
  { table: 'plock', name: 'plock', columns: ['inode', 'sid', 'owner'], unique: true },
]

/** Columns that releases before 1.4 did not have, all in `node`; old rows then hold the default or NULL. */
const LATER_COLUMNS: ReadonlySet<string> = new Set([
  'atimensec',
  'mtimensec',
  'ctimensec',
  'access_acl_id',
  'default_acl_id',
  'tier_id',
])

/** `jfs_`, or `jfs_<prefix>_`. */
export function tablePrefix(prefix: string): string {
  return prefix === '' ? 'jfs_' : `jfs_${prefix}_`
}

/** The names that exist in a place, as its catalogue has them. */
export interface FoundNames {
  readonly tables: ReadonlySet<string>
  readonly indexes: ReadonlySet<string>
  /** Of the table of nodes, when there is one. */
  readonly nodeColumns: ReadonlySet<string> | undefined
}

/** What an existing place lacks of the schema above. */
export interface SchemaGaps {
  /** Without prefix. */
  readonly tables: readonly string[]
  readonly nodeColumns: readonly string[]
  /** Full names. */
  readonly indexes: readonly string[]
  /** The table of sessions from before 1.0 exists. */
  readonly legacySessions: boolean
}

/** `prefix`: the full table prefix. */
export function gapsIn(found: FoundNames, prefix: string): SchemaGaps {
  const { tables, indexes, nodeColumns } = found
  return {
    tables: Object.keys(TABLES).filter((name) => !tables.has(prefix + name)),
    nodeColumns: nodeColumns === undefined ? [] : [...LATER_COLUMNS].filter((name) => !nodeColumns.has(name)),
    indexes: INDEXES.filter((index) => tables.has(prefix + index.table))
      .map((index) => indexName(prefix, index))
      .filter((name) => !indexes.has(name)),
    legacySessions: tables.has(prefix + LEGACY_SESSIONS),
  }
}

export function isComplete(gaps: SchemaGaps): boolean {
  return gaps.tables.length + gaps.nodeColumns.length + gaps.indexes.length === 0
}

/** Where tables live: the full table prefix, and the schema's name with its dot where a schema is named. */
export interface Place {
  readonly prefix: string
  readonly schema: string
}

/** Statements that make what is missing, in creation order. */
export function fillingStatements(dialect: Dialect, place: Place, gaps: SchemaGaps): readonly string[] {
  const missing = new Set(gaps.tables)
  const lacking = new Set(gaps.indexes)
  const statements: string[] = []
  for (const table of Object.keys(TABLES)) {
    if (missing.has(table)) statements.push(createTable(dialect, place, table))
    for (const index of INDEXES.filter((index) => index.table === table))
      if (missing.has(table) || lacking.has(indexName(place.prefix, index)))
        statements.push(createIndex(dialect, place, index))
  }
  for (const column of TABLES.node!.columns)
    if (gaps.nodeColumns.includes(column.name))
      statements.push(
        `ALTER TABLE ${tableName(dialect, place, 'node')} ADD COLUMN ${define(dialect, column)}`,
      )
  return statements
}

/** The quoted name of a table. */
export function tableName(dialect: Dialect, { prefix, schema }: Place, table: string): string {
  return schema + dialect.quote(prefix + table)
}

export function createTable(dialect: Dialect, place: Place, table: string): string {
  return `CREATE TABLE ${dialect.ifNotExists}${tableName(dialect, place, table)} (${tableBody(dialect, table)})`
}

/** Columns and constraints of a table. */
export function tableBody(dialect: Dialect, table: string): string {
  const { columns, key } = TABLES[table]!
  const parts = columns.map((column) => define(dialect, column))
  if (key !== undefined) parts.push(`PRIMARY KEY ( ${key.map((name) => dialect.quote(name)).join(',')} )`)
  return parts.join(', ')
}

function define(dialect: Dialect, { name, type, rest }: Column): string {
  return `${dialect.quote(name)} ${dialect.types[type]} ${rest}`
}

function indexName(prefix: string, index: Index): string {
  return `${index.unique ? 'UQE' : 'IDX'}_${prefix}${index.table}_${index.name}`
}

function createIndex(dialect: Dialect, place: Place, index: Index): string {
  const unique = index.unique ? 'UNIQUE ' : ''
  const columns = index.columns.map((name) => dialect.quote(name)).join(',')
  const name = dialect.quote(indexName(place.prefix, index))
  const table = dialect.quote(place.prefix + index.table)
  const on = dialect.indexBySchema
    ? `${place.schema}${name} ON ${table}`
    : `${name} ON ${place.schema}${table}`
  return `CREATE ${unique}INDEX ${dialect.ifNotExists}${on} (${columns})`
}
