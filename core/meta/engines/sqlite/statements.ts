/**
 * Every SQL statement of the engine, prepared on first use. `{name}` stands for the quoted table of that name,
 * `{node.*}` for the select list of a node. All statements return rows as arrays.
 *
 * BLOB columns are bound as Buffer (a TEXT 'a' never equals a BLOB 'a'), xattr names are cast to TEXT, and
 * `slices` is read through a cast because the reference's appends leave it TEXT-typed. Source: §A5, A7.
 */
import type { Database, Statement } from 'better-sqlite3'
import { carried, nodeColumns } from './rows.ts'

const ino = carried('inode')
const PUT_NODE_COLUMNS =
  'type, flags, mode, uid, gid, atime, atimensec, mtime, mtimensec, ctime, ctimensec, nlink, length, rdev, parent, access_acl_id, default_acl_id, tier_id'
const QUOTA = 'max_space, max_inodes, used_space, used_inodes'
const PUT_QUOTA =
  'max_space = excluded.max_space, max_inodes = excluded.max_inodes, used_space = excluded.used_space, used_inodes = excluded.used_inodes'
const SLICES = 'CAST(slices AS BLOB)'
const XATTR_NAME = 'CAST(name AS BLOB)'

const SQL = {
  snapshot: 'BEGIN',
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',

  node: 'SELECT {node.*} FROM {node} AS n WHERE n.inode = ?',
  putNode: `INSERT INTO {node} (inode, ${PUT_NODE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (inode) DO UPDATE SET ${PUT_NODE_COLUMNS.split(
    ', ',
  )
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')}`,
  delNode: 'DELETE FROM {node} WHERE inode = ?',
  touchNode: 'UPDATE {node} SET nlink = nlink + ? WHERE inode = ?',
  touchNodeTimes:
    'UPDATE {node} SET nlink = nlink + ?, mtime = ?, mtimensec = ?, ctime = ?, ctimensec = ? WHERE inode = ?',
  allNodes: `SELECT ${ino}, {node.*} FROM {node} AS n WHERE inode > ? ORDER BY inode LIMIT ?`,

  // An entry by key is read as edge, then node: this build of SQLite (STAT4) prepares a join anew for every set of
  // parameters, which makes it 4 times slower than both.
  edge: `SELECT ${ino}, type FROM {edge} WHERE parent = ? AND name = ?`,
  putEdge:
    'INSERT INTO {edge} (parent, name, inode, type) VALUES (?, ?, ?, ?) ON CONFLICT (parent, name) DO UPDATE SET inode = excluded.inode, type = excluded.type',
  delEdge: 'DELETE FROM {edge} WHERE parent = ? AND name = ?',
  anyEdge: 'SELECT 1 FROM {edge} WHERE parent = ? LIMIT 1',
  parents: `SELECT ${carried('parent')}, count(*) FROM {edge} WHERE inode = ? GROUP BY parent ORDER BY parent`,
  edges: `SELECT name, ${ino}, type FROM {edge} WHERE parent = ? AND name > ? ORDER BY name LIMIT ?`,
  entries: `SELECT e.name, ${carried('e.inode')}, e.type, n.inode IS NULL, {node.*} FROM {edge} AS e LEFT JOIN {node} AS n ON n.inode = e.inode WHERE e.parent = ? AND e.name > ? ORDER BY e.name LIMIT ?`,
  allEdges: `SELECT ${carried('parent')}, name, ${ino}, type FROM {edge} WHERE (parent, name) > (?, ?) AND name <> x'' ORDER BY parent, name LIMIT ?`,

  symlink: 'SELECT CAST(target AS BLOB) FROM {symlink} WHERE inode = ?',
  putSymlink:
    'INSERT INTO {symlink} (inode, target) VALUES (?, ?) ON CONFLICT (inode) DO UPDATE SET target = excluded.target',
  delSymlink: 'DELETE FROM {symlink} WHERE inode = ?',

  xattr: 'SELECT CAST(value AS BLOB) FROM {xattr} WHERE inode = ? AND name = CAST(? AS TEXT)',
  putXattr:
    'INSERT INTO {xattr} (inode, name, value) VALUES (?, CAST(? AS TEXT), ?) ON CONFLICT (inode, name) DO UPDATE SET value = excluded.value',
  delXattr: 'DELETE FROM {xattr} WHERE inode = ? AND name = CAST(? AS TEXT)',
  delXattrs: 'DELETE FROM {xattr} WHERE inode = ?',
  xattrs: `SELECT ${XATTR_NAME}, CAST(value AS BLOB) FROM {xattr} WHERE inode = ? AND name > CAST(? AS TEXT) ORDER BY name LIMIT ?`,

  chunk: `SELECT ${SLICES} FROM {chunk} WHERE inode = ? AND indx = ?`,
  appendChunk:
    'INSERT INTO {chunk} (inode, indx, slices) VALUES (?, ?, ?) ON CONFLICT (inode, indx) DO UPDATE SET slices = CAST(slices || excluded.slices AS BLOB) RETURNING length(slices) / 24',
  replaceChunkPrefix: `UPDATE {chunk} SET slices = CAST(? || substr(${SLICES}, ? + 1) AS BLOB) WHERE inode = ? AND indx = ?`,
  delChunk: 'DELETE FROM {chunk} WHERE inode = ? AND indx = ?',
  chunks: `SELECT indx, ${SLICES} FROM {chunk} WHERE inode = ? AND indx >= ? AND indx < ? ORDER BY indx LIMIT ?`,
  allChunks: `SELECT ${ino}, indx, ${SLICES} FROM {chunk} WHERE (inode, indx) > (?, ?) ORDER BY inode, indx LIMIT ?`,

  sliceRef: 'SELECT size, refs FROM {chunk_ref} WHERE chunkid = ?',
  newSliceRef: 'INSERT INTO {chunk_ref} (chunkid, size, refs) VALUES (?, ?, 1)',
  addSliceRef: 'UPDATE {chunk_ref} SET refs = refs + ? WHERE chunkid = ? RETURNING refs',
  delSliceRef: 'DELETE FROM {chunk_ref} WHERE chunkid = ?',
  sliceRefs: 'SELECT chunkid, size, refs FROM {chunk_ref} WHERE chunkid > ? ORDER BY chunkid LIMIT ?',
  unusedSlices:
    'SELECT chunkid, size, refs FROM {chunk_ref} WHERE refs <= 0 AND (refs, chunkid) > (?, ?) ORDER BY refs, chunkid LIMIT ?',

  acl: 'SELECT owner, `group`, mask, other, named_users, named_groups FROM {acl} WHERE id = ?',
  insertAcl:
    'INSERT INTO {acl} (owner, `group`, mask, other, named_users, named_groups) VALUES (?, ?, ?, ?, ?, ?)',
  acls: 'SELECT id, owner, `group`, mask, other, named_users, named_groups FROM {acl} WHERE id > ? ORDER BY id LIMIT ?',

  flocks: 'SELECT sid, owner, ltype FROM {flock} WHERE inode = ? ORDER BY sid, owner',
  putFlock:
    'INSERT INTO {flock} (inode, sid, owner, ltype) VALUES (?, ?, ?, ?) ON CONFLICT (inode, sid, owner) DO UPDATE SET ltype = excluded.ltype',
  delFlock: 'DELETE FROM {flock} WHERE inode = ? AND sid = ? AND owner = ?',
  sessionFlocks:
    'SELECT inode, sid, owner, ltype FROM {flock} WHERE sid = ? AND (inode, owner) > (?, ?) ORDER BY inode, owner LIMIT ?',
  delSessionFlocks: 'DELETE FROM {flock} WHERE sid = ?',
  plocks: 'SELECT sid, owner, records FROM {plock} WHERE inode = ? ORDER BY sid, owner',
  putPlock:
    'INSERT INTO {plock} (inode, sid, owner, records) VALUES (?, ?, ?, ?) ON CONFLICT (inode, sid, owner) DO UPDATE SET records = excluded.records',
  delPlock: 'DELETE FROM {plock} WHERE inode = ? AND sid = ? AND owner = ?',
  sessionPlocks:
    'SELECT inode, sid, owner, records FROM {plock} WHERE sid = ? AND (inode, owner) > (?, ?) ORDER BY inode, owner LIMIT ?',
  delSessionPlocks: 'DELETE FROM {plock} WHERE sid = ?',

  session: 'SELECT sid, expire, CAST(info AS BLOB) FROM {session2} WHERE sid = ?',
  putSession:
    'INSERT INTO {session2} (sid, expire, info) VALUES (?, ?, ?) ON CONFLICT (sid) DO UPDATE SET expire = excluded.expire, info = excluded.info',
  delSession: 'DELETE FROM {session2} WHERE sid = ?',
  sessions: 'SELECT sid, expire, CAST(info AS BLOB) FROM {session2} WHERE sid > ? ORDER BY sid LIMIT ?',
  // Clients from before 1.0 keep a heartbeat here, stale 5 minutes after it.
  legacySession: 'SELECT sid, heartbeat + 300, CAST(info AS BLOB) FROM {session} WHERE sid = ?',
  delLegacySession: 'DELETE FROM {session} WHERE sid = ?',
  bothSessions:
    'SELECT sid, expire, CAST(info AS BLOB) FROM (SELECT sid, expire, info FROM {session2} UNION ALL SELECT sid, heartbeat + 300, info FROM {session} WHERE sid NOT IN (SELECT sid FROM {session2})) WHERE sid > ? ORDER BY sid LIMIT ?',

  putSustained: 'INSERT INTO {sustained} (sid, inode) VALUES (?, ?) ON CONFLICT (sid, inode) DO NOTHING',
  delSustained: 'DELETE FROM {sustained} WHERE sid = ? AND inode = ?',
  sustained: `SELECT ${ino} FROM {sustained} WHERE sid = ? AND inode > ? ORDER BY inode LIMIT ?`,

  putDeletedFile:
    'INSERT INTO {delfile} (inode, length, expire) VALUES (?, ?, ?) ON CONFLICT (inode) DO UPDATE SET length = excluded.length, expire = excluded.expire',
  delDeletedFile: 'DELETE FROM {delfile} WHERE inode = ?',
  deletedFiles: `SELECT ${ino}, length, expire FROM {delfile} WHERE inode > ? ORDER BY inode LIMIT ?`,

  putDelayedSlices:
    'INSERT INTO {delslices} (chunkid, deleted, slices) VALUES (?, ?, ?) ON CONFLICT (chunkid) DO UPDATE SET deleted = excluded.deleted, slices = excluded.slices',
  delayed: `SELECT ${SLICES} FROM {delslices} WHERE chunkid = ? AND deleted = ?`,
  delDelayedSlices: 'DELETE FROM {delslices} WHERE chunkid = ? AND deleted = ?',
  delayedSlices: `SELECT chunkid, deleted, ${SLICES} FROM {delslices} WHERE chunkid > ? ORDER BY chunkid LIMIT ?`,

  putDetached:
    'INSERT INTO {detached_node} (inode, added) VALUES (?, ?) ON CONFLICT (inode) DO UPDATE SET added = excluded.added',
  delDetached: 'DELETE FROM {detached_node} WHERE inode = ?',
  detached: `SELECT ${ino}, added FROM {detached_node} WHERE inode > ? ORDER BY inode LIMIT ?`,

  dirQuota: `SELECT ${QUOTA} FROM {dir_quota} WHERE inode = ?`,
  putDirQuota: `INSERT INTO {dir_quota} (inode, ${QUOTA}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (inode) DO UPDATE SET ${PUT_QUOTA}`,
  delDirQuota: 'DELETE FROM {dir_quota} WHERE inode = ?',
  addDirQuota:
    'UPDATE {dir_quota} SET used_space = used_space + ?, used_inodes = used_inodes + ? WHERE inode = ?',
  dirQuotas: `SELECT ${ino}, ${QUOTA} FROM {dir_quota} WHERE inode > ? ORDER BY inode LIMIT ?`,
  ownerQuota: `SELECT ${QUOTA} FROM {user_group_quota} WHERE qkey = ? AND qtype = ?`,
  putOwnerQuota: `INSERT INTO {user_group_quota} (qkey, ${QUOTA}, qtype) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (qtype, qkey) DO UPDATE SET ${PUT_QUOTA}`,
  delOwnerQuota: 'DELETE FROM {user_group_quota} WHERE qkey = ? AND qtype = ?',
  addOwnerQuota:
    'INSERT INTO {user_group_quota} (used_space, used_inodes, qkey, qtype, max_space, max_inodes) VALUES (?, ?, ?, ?, -1, -1) ON CONFLICT (qtype, qkey) DO UPDATE SET used_space = used_space + excluded.used_space, used_inodes = used_inodes + excluded.used_inodes',
  ownerQuotas: `SELECT qkey, ${QUOTA} FROM {user_group_quota} WHERE qkey > ? AND qtype = ? ORDER BY qkey LIMIT ?`,

  dirStat: 'SELECT data_length, used_space, used_inodes FROM {dir_stats} WHERE inode = ?',
  putDirStat:
    'INSERT INTO {dir_stats} (inode, data_length, used_space, used_inodes) VALUES (?, ?, ?, ?) ON CONFLICT (inode) DO UPDATE SET data_length = excluded.data_length, used_space = excluded.used_space, used_inodes = excluded.used_inodes',
  delDirStat: 'DELETE FROM {dir_stats} WHERE inode = ?',
  addDirStat:
    'UPDATE {dir_stats} SET data_length = data_length + ?, used_space = used_space + ?, used_inodes = used_inodes + ? WHERE inode = ?',

  counter: 'SELECT value FROM {counter} WHERE name = ?',
  putCounter:
    'INSERT INTO {counter} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  makeCounter: 'INSERT INTO {counter} (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING',
  addCounter:
    'INSERT INTO {counter} (name, value) VALUES (?, ? + ?) ON CONFLICT (name) DO UPDATE SET value = value + CAST(? AS INTEGER) RETURNING value',
  addUsage:
    "UPDATE {counter} SET value = value + CAST(CASE name WHEN 'usedSpace' THEN ? ELSE ? END AS INTEGER) WHERE name IN ('usedSpace', 'totalInodes')",
  claim:
    'INSERT INTO {counter} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <= excluded.value - ?',

  setting: "SELECT value FROM {setting} WHERE name = 'format'",
  putSetting:
    "INSERT INTO {setting} (name, value) VALUES ('format', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
} as const

export type StatementName = keyof typeof SQL
export type Row = readonly unknown[]
type Prepared = Statement<unknown[], unknown[]>

/** These return lock owners, which need all 64 bits: their integers come as bigint. */
const WIDE: ReadonlySet<StatementName> = new Set(['flocks', 'sessionFlocks', 'plocks', 'sessionPlocks'])

export class Statements {
  readonly #db: Database
  readonly #prefix: string
  readonly #nodeColumns: string
  #prepared: Partial<Record<StatementName, Prepared>> = {}

  /** `missing`: node columns that an old volume lacks. */
  constructor(db: Database, prefix: string, missing: readonly string[]) {
    this.#db = db
    this.#prefix = prefix
    this.#nodeColumns = nodeColumns('n', missing)
  }

  get(name: StatementName): Prepared {
    return (this.#prepared[name] ??= this.#prepare(name))
  }

  /** First row, or undefined. */
  row(name: StatementName, ...params: readonly unknown[]): Row | undefined {
    return this.get(name).get(...params)
  }

  rows(name: StatementName, ...params: readonly unknown[]): readonly Row[] {
    return this.get(name).all(...params)
  }

  /** Rows changed. */
  run(name: StatementName, ...params: readonly unknown[]): number {
    return this.get(name).run(...params).changes
  }

  #prepare(name: StatementName): Prepared {
    const text = SQL[name]
      .replaceAll('{node.*}', this.#nodeColumns)
      .replaceAll(/\{(\w+)\}/g, (_, table: string) => `\`${this.#prefix}${table}\``)
    const statement = this.#db.prepare<unknown[], unknown[]>(text)
    if (statement.reader) statement.raw(true)
    if (WIDE.has(name)) statement.safeIntegers(true)
    return statement
  }
}
