/**
 * The tables of a volume as release 1.4.2 makes them, word for word, so that a volume formatted here has the
 * same schema as one formatted there. Source: shared/spec/meta-sql-and-tkv.md §A2-A4.0, A4.2.
 *
 * Never add indexes or tables of our own under these names.
 */
import type { Database } from 'better-sqlite3'

const ID = '`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL'
const USAGE =
  '`max_space` INTEGER NOT NULL, `max_inodes` INTEGER NOT NULL, `used_space` INTEGER NOT NULL, `used_inodes` INTEGER NOT NULL'

/** Table name without prefix → its columns (and table constraints), in creation order. */
const TABLES: Readonly<Record<string, string>> = {
  setting: '`name` TEXT PRIMARY KEY NOT NULL, `value` TEXT NOT NULL',
  counter: '`name` TEXT PRIMARY KEY NOT NULL, `value` INTEGER NOT NULL',
  edge: `${ID}, \`parent\` INTEGER NOT NULL, \`name\` BLOB NOT NULL, \`inode\` INTEGER NOT NULL, \`type\` INTEGER NOT NULL`,
  node: '`inode` INTEGER PRIMARY KEY NOT NULL, `type` INTEGER NOT NULL, `flags` INTEGER NOT NULL, `mode` INTEGER NOT NULL, `uid` INTEGER NOT NULL, `gid` INTEGER NOT NULL, `atime` INTEGER NOT NULL, `mtime` INTEGER NOT NULL, `ctime` INTEGER NOT NULL, `atimensec` INTEGER DEFAULT 0 NOT NULL, `mtimensec` INTEGER DEFAULT 0 NOT NULL, `ctimensec` INTEGER DEFAULT 0 NOT NULL, `nlink` INTEGER NOT NULL, `length` INTEGER NOT NULL, `rdev` INTEGER NULL, `parent` INTEGER NULL, `access_acl_id` INTEGER NULL, `default_acl_id` INTEGER NULL, `tier_id` INTEGER NULL',
  symlink: '`inode` INTEGER PRIMARY KEY NOT NULL, `target` BLOB NOT NULL',
  xattr: `${ID}, \`inode\` INTEGER NOT NULL, \`name\` TEXT NOT NULL, \`value\` BLOB NOT NULL`,
  chunk: `${ID}, \`inode\` INTEGER NOT NULL, \`indx\` INTEGER NOT NULL, \`slices\` BLOB NOT NULL`,
  chunk_ref: '`chunkid` INTEGER PRIMARY KEY NOT NULL, `size` INTEGER NOT NULL, `refs` INTEGER NOT NULL',
  delslices: '`chunkid` INTEGER PRIMARY KEY NOT NULL, `deleted` INTEGER NOT NULL, `slices` BLOB NOT NULL',
  session2: '`sid` INTEGER PRIMARY KEY NOT NULL, `expire` INTEGER NOT NULL, `info` BLOB NULL',
  sustained: `${ID}, \`sid\` INTEGER NOT NULL, \`inode\` INTEGER NOT NULL`,
  delfile: '`inode` INTEGER PRIMARY KEY NOT NULL, `length` INTEGER NOT NULL, `expire` INTEGER NOT NULL',
  flock: `${ID}, \`inode\` INTEGER NOT NULL, \`sid\` INTEGER NOT NULL, \`owner\` INTEGER NOT NULL, \`ltype\` INTEGER NOT NULL`,
  plock: `${ID}, \`inode\` INTEGER NOT NULL, \`sid\` INTEGER NOT NULL, \`owner\` INTEGER NOT NULL, \`records\` BLOB NOT NULL`,
  dir_quota: `\`inode\` INTEGER PRIMARY KEY NOT NULL, ${USAGE}`,
  user_group_quota: `\`qtype\` INTEGER NOT NULL, \`qkey\` INTEGER NOT NULL, ${USAGE}, PRIMARY KEY ( \`qtype\`,\`qkey\` )`,
  dir_stats:
    '`inode` INTEGER PRIMARY KEY NOT NULL, `data_length` INTEGER NOT NULL, `used_space` INTEGER NOT NULL, `used_inodes` INTEGER NOT NULL',
  detached_node: '`inode` INTEGER PRIMARY KEY NOT NULL, `added` INTEGER NOT NULL',
  acl: `${ID}, \`owner\` INTEGER NULL, \`group\` INTEGER NULL, \`mask\` INTEGER NULL, \`other\` INTEGER NULL, \`named_users\` BLOB NULL, \`named_groups\` BLOB NULL`,
  delegation_token: `${ID}, \`token\` BLOB NULL`,
  change_log: `${ID}, \`entry\` TEXT NOT NULL`,
}

interface Index {
  readonly table: string
  readonly name: string
  readonly columns: string
  readonly unique: boolean
}

const INDEXES: readonly Index[] = [
  { table: 'edge', name: 'edge', columns: '`parent`,`name`', unique: true },
  { table: 'edge', name: 'inode', columns: '`inode`', unique: false },
  { table: 'xattr', name: 'name', columns: '`inode`,`name`', unique: true },
  { table: 'chunk', name: 'chunk', columns: '`inode`,`indx`', unique: true },
  { table: 'chunk_ref', name: 'refs', columns: '`refs`', unique: false },
  { table: 'sustained', name: 'sustained', columns: '`sid`,`inode`', unique: true },
  { table: 'flock', name: 'flock', columns: '`inode`,`sid`,`owner`', unique: true },
  { table: 'plock', name: 'plock', columns: '`inode`,`sid`,`owner`', unique: true },
]

/** Columns that releases before 1.4 did not have, all in `node`; old rows then hold the default or NULL. */
const LATER_COLUMNS: readonly { readonly name: string; readonly definition: string }[] = [
  ...['atimensec', 'mtimensec', 'ctimensec'].map((name) => ({
    name,
    definition: `\`${name}\` INTEGER DEFAULT 0 NOT NULL`,
  })),
  ...['access_acl_id', 'default_acl_id', 'tier_id'].map((name) => ({
    name,
    definition: `\`${name}\` INTEGER NULL`,
  })),
]

/** What an existing file lacks of the schema above. */
export interface SchemaGaps {
  readonly tables: readonly string[]
  readonly nodeColumns: readonly string[]
  readonly indexes: readonly string[]
  /** The table of sessions from before 1.0 exists. */
  readonly legacySessions: boolean
}

/** `jfs_`, or `jfs_<prefix>_`. */
export function tablePrefix(prefix: string): string {
  return prefix === '' ? 'jfs_' : `jfs_${prefix}_`
}

export function findGaps(db: Database, prefix: string): SchemaGaps {
  const rows = db
    .prepare("SELECT type, name FROM main.sqlite_schema WHERE type IN ('table', 'index')")
    .all() as {
    type: string
    name: string
  }[]
  const tables = new Set(rows.filter((row) => row.type === 'table').map((row) => row.name))
  const indexes = new Set(rows.filter((row) => row.type === 'index').map((row) => row.name))
  const nodeColumns = tables.has(`${prefix}node`)
    ? new Set((db.pragma(`main.table_info(\`${prefix}node\`)`) as { name: string }[]).map((row) => row.name))
    : undefined
  return {
    tables: Object.keys(TABLES).filter((name) => !tables.has(prefix + name)),
    nodeColumns:
      nodeColumns === undefined
        ? []
        : LATER_COLUMNS.filter(({ name }) => !nodeColumns.has(name)).map(({ name }) => name),
    indexes: INDEXES.filter((index) => tables.has(prefix + index.table))
      .map((index) => indexName(prefix, index))
      .filter((name) => !indexes.has(name)),
    legacySessions: tables.has(`${prefix}session`),
  }
}

export function isComplete(gaps: SchemaGaps): boolean {
  return gaps.tables.length + gaps.nodeColumns.length + gaps.indexes.length === 0
}

/** Make what is missing, in creation order. Inside the caller's transaction. */
export function fillGaps(db: Database, prefix: string, gaps: SchemaGaps): void {
  const missing = new Set(gaps.tables)
  const lacking = new Set(gaps.indexes)
  for (const [table, columns] of Object.entries(TABLES)) {
    if (missing.has(table)) db.exec(`CREATE TABLE main.\`${prefix}${table}\` (${columns})`)
    for (const index of INDEXES.filter((index) => index.table === table))
      if (missing.has(table) || lacking.has(indexName(prefix, index))) db.exec(createIndex(prefix, index))
  }
  for (const { name, definition } of LATER_COLUMNS)
    if (gaps.nodeColumns.includes(name))
      db.exec(`ALTER TABLE main.\`${prefix}node\` ADD COLUMN ${definition}`)
}

/**
 * Stand in for missing tables with empty temporary ones (they win over the file's in name resolution), so that
 * statements work on old volumes that must not be written.
 */
export function shadowGaps(db: Database, prefix: string, gaps: SchemaGaps): void {
  for (const table of gaps.tables)
    db.exec(`CREATE TEMP TABLE IF NOT EXISTS \`${prefix}${table}\` (${TABLES[table]!})`)
}

export function dropShadows(db: Database, prefix: string): void {
  for (const table of Object.keys(TABLES)) db.exec(`DROP TABLE IF EXISTS temp.\`${prefix}${table}\``)
}

export function dropTables(db: Database, prefix: string): void {
  for (const table of [...Object.keys(TABLES), 'session'])
    db.exec(`DROP TABLE IF EXISTS main.\`${prefix}${table}\``)
}

function indexName(prefix: string, index: Index): string {
  return `${index.unique ? 'UQE' : 'IDX'}_${prefix}${index.table}_${index.name}`
}

function createIndex(prefix: string, index: Index): string {
  const unique = index.unique ? 'UNIQUE ' : ''
  return `CREATE ${unique}INDEX main.\`${indexName(prefix, index)}\` ON \`${prefix}${index.table}\` (${index.columns})`
}
