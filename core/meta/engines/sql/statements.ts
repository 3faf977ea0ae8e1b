/**
 * Every SQL statement of the engines. `{name}` stands for the quoted table of that name, `{node.*}` for the select
 * list of a node, `$i64`, `$i32`, `$bytes`, `$text` and `$name` for parameters of that type. What databases say
 * differently (`carried` and the like) goes through the dialect; all the rest is SQL they share.
 *
 * Integer parameters in arithmetic are cast, as a driver may bind a large number as a float. Source: §A5, A7.
 */
import type { Dialect, ParamType } from './dialect.ts'
import { nodeColumns } from './rows.ts'
import { type Place, tableName } from './tables.ts'

export const NODE_COLUMNS = [
  'type',
  'flags',
  'mode',
  'uid',
  'gid',
  'atime',
  'atimensec',
  'mtime',
  'mtimensec',
  'ctime',
  'ctimensec',
  'nlink',
  'length',
  'rdev',
  'parent',
  'access_acl_id',
  'default_acl_id',
  'tier_id',
] as const

/** Column → parameter type. */
const WIDE_COLUMNS: ReadonlySet<string> = new Set(['atime', 'mtime', 'ctime', 'length', 'parent'])
const NODE_PARAMS = NODE_COLUMNS.map((name) => (WIDE_COLUMNS.has(name) ? '$i64' : '$i32'))

const QUOTA = 'max_space, max_inodes, used_space, used_inodes'
const ACL = 'owner, "group", mask, other, named_users, named_groups'
const ADDED = 'CAST($i64 AS BIGINT)'

/** `ON CONFLICT … DO UPDATE` of every named column. */
function replacing(key: string, ...columns: readonly string[]): string {
  return `ON CONFLICT (${key}) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`
}

const QUOTA_COLUMNS = QUOTA.split(', ')

function statements(d: Dialect) {
  const ino = d.carried('inode')
  const slices = d.bytes('slices')
  const xattrName = d.bytewise('name')
  return {
    node: 'SELECT {node.*} FROM {node} AS n WHERE n.inode = $i64',
    putNode: `INSERT INTO {node} (inode, ${NODE_COLUMNS.join(', ')}) VALUES ($i64, ${NODE_PARAMS.join(', ')}) ${replacing('inode', ...NODE_COLUMNS)}`,
    /** Of a node that is known to be there. */
    updateNode: `UPDATE {node} SET ${NODE_COLUMNS.map((name, k) => `${name} = ${NODE_PARAMS[k]}`).join(', ')} WHERE inode = $i64`,
    delNode: 'DELETE FROM {node} WHERE inode = $i64',
    touchNode: 'UPDATE {node} SET nlink = nlink + CAST($i32 AS INTEGER) WHERE inode = $i64',
    touchNodeTimes:
      'UPDATE {node} SET nlink = nlink + CAST($i32 AS INTEGER), mtime = $i64, mtimensec = $i32, ctime = $i64, ctimensec = $i32 WHERE inode = $i64',
    allNodes: `SELECT ${ino}, {node.*} FROM {node} AS n WHERE inode > $i64 ORDER BY inode LIMIT $i64`,

    edge: `SELECT ${ino}, type FROM {edge} WHERE parent = $i64 AND name = $bytes`,
    entry: `SELECT ${d.carried('e.inode')}, e.type, CASE WHEN n.inode IS NULL THEN 1 ELSE 0 END, {node.*} FROM {edge} AS e LEFT JOIN {node} AS n ON n.inode = e.inode WHERE e.parent = $i64 AND e.name = $bytes`,
    putEdge: `INSERT INTO {edge} (parent, name, inode, type) VALUES ($i64, $bytes, $i64, $i32) ${replacing('parent, name', 'inode', 'type')}`,
    delEdge: 'DELETE FROM {edge} WHERE parent = $i64 AND name = $bytes',
    anyEdge: 'SELECT 1 FROM {edge} WHERE parent = $i64 LIMIT 1',
    parents: `SELECT ${d.carried('parent')}, count(*) FROM {edge} WHERE inode = $i64 GROUP BY parent ORDER BY parent`,
    edges: `SELECT name, ${ino}, type FROM {edge} WHERE parent = $i64 AND name > $bytes ORDER BY name LIMIT $i64`,
    entries: `SELECT e.name, ${d.carried('e.inode')}, e.type, CASE WHEN n.inode IS NULL THEN 1 ELSE 0 END, {node.*} FROM {edge} AS e LEFT JOIN {node} AS n ON n.inode = e.inode WHERE e.parent = $i64 AND e.name > $bytes ORDER BY e.name LIMIT $i64`,
    allEdges: `SELECT ${d.carried('parent')}, name, ${ino}, type FROM {edge} WHERE (parent, name) > ($i64, $bytes) AND length(name) > 0 ORDER BY parent, name LIMIT $i64`,

    symlink: `SELECT ${d.bytes('target')} FROM {symlink} WHERE inode = $i64`,
    putSymlink: `INSERT INTO {symlink} (inode, target) VALUES ($i64, $bytes) ${replacing('inode', 'target')}`,
    delSymlink: 'DELETE FROM {symlink} WHERE inode = $i64',

    xattr: `SELECT ${d.bytes('value')} FROM {xattr} WHERE inode = $i64 AND name = $name`,
    putXattr: `INSERT INTO {xattr} (inode, name, value) VALUES ($i64, $name, $bytes) ${replacing('inode, name', 'value')}`,
    delXattr: 'DELETE FROM {xattr} WHERE inode = $i64 AND name = $name',
    delXattrs: 'DELETE FROM {xattr} WHERE inode = $i64',
    xattrs: `SELECT ${d.textBytes('name')}, ${d.bytes('value')} FROM {xattr} WHERE inode = $i64 AND ${xattrName} > $name ORDER BY ${xattrName} LIMIT $i64`,

    chunk: `SELECT ${slices} FROM {chunk} WHERE inode = $i64 AND indx = $i32`,
    appendChunk: `INSERT INTO {chunk} AS c (inode, indx, slices) VALUES ($i64, $i32, $bytes) ON CONFLICT (inode, indx) DO UPDATE SET slices = ${d.bytes('c.slices || excluded.slices')} RETURNING length(slices) / 24`,
    replaceChunkPrefix: `UPDATE {chunk} SET slices = ${d.bytes(`$bytes || substr(${slices}, $i32 + 1)`)} WHERE inode = $i64 AND indx = $i32`,
    delChunk: 'DELETE FROM {chunk} WHERE inode = $i64 AND indx = $i32',
    chunks: `SELECT indx, ${slices} FROM {chunk} WHERE inode = $i64 AND indx >= $i64 AND indx < $i64 ORDER BY indx LIMIT $i64`,
    allChunks: `SELECT ${ino}, indx, ${slices} FROM {chunk} WHERE (inode, indx) > ($i64, $i64) ORDER BY inode, indx LIMIT $i64`,

    sliceRef: 'SELECT size, refs FROM {chunk_ref} WHERE chunkid = $i64',
    newSliceRef: 'INSERT INTO {chunk_ref} (chunkid, size, refs) VALUES ($i64, $i32, 1)',
    addSliceRef:
      'UPDATE {chunk_ref} SET refs = refs + CAST($i32 AS INTEGER) WHERE chunkid = $i64 RETURNING refs',
    delSliceRef: 'DELETE FROM {chunk_ref} WHERE chunkid = $i64',
    sliceRefs: 'SELECT chunkid, size, refs FROM {chunk_ref} WHERE chunkid > $i64 ORDER BY chunkid LIMIT $i64',
    unusedSlices:
      'SELECT chunkid, size, refs FROM {chunk_ref} WHERE refs <= 0 AND (refs, chunkid) > ($i64, $i64) ORDER BY refs, chunkid LIMIT $i64',

    acl: `SELECT ${ACL} FROM {acl} WHERE id = $i64`,
    insertAcl: `INSERT INTO {acl} (${ACL}) VALUES ($i32, $i32, $i32, $i32, $bytes, $bytes) RETURNING id`,
    acls: `SELECT id, ${ACL} FROM {acl} WHERE id > $i64 ORDER BY id LIMIT $i64`,

    flocks: 'SELECT sid, owner, ltype FROM {flock} WHERE inode = $i64 ORDER BY sid, owner',
    putFlock: `INSERT INTO {flock} (inode, sid, owner, ltype) VALUES ($i64, $i64, $i64, $i32) ${replacing('inode, sid, owner', 'ltype')}`,
    delFlock: 'DELETE FROM {flock} WHERE inode = $i64 AND sid = $i64 AND owner = $i64',
    sessionFlocks:
      'SELECT inode, sid, owner, ltype FROM {flock} WHERE sid = $i64 AND (inode, owner) > ($i64, $i64) ORDER BY inode, owner LIMIT $i64',
    delSessionFlocks: 'DELETE FROM {flock} WHERE sid = $i64',
    plocks: 'SELECT sid, owner, records FROM {plock} WHERE inode = $i64 ORDER BY sid, owner',
    putPlock: `INSERT INTO {plock} (inode, sid, owner, records) VALUES ($i64, $i64, $i64, $bytes) ${replacing('inode, sid, owner', 'records')}`,
    delPlock: 'DELETE FROM {plock} WHERE inode = $i64 AND sid = $i64 AND owner = $i64',
    sessionPlocks:
      'SELECT inode, sid, owner, records FROM {plock} WHERE sid = $i64 AND (inode, owner) > ($i64, $i64) ORDER BY inode, owner LIMIT $i64',
    delSessionPlocks: 'DELETE FROM {plock} WHERE sid = $i64',

    session: `SELECT sid, expire, ${d.bytes('info')} FROM {session2} WHERE sid = $i64`,
    putSession: `INSERT INTO {session2} (sid, expire, info) VALUES ($i64, $i64, $bytes) ${replacing('sid', 'expire', 'info')}`,
    delSession: 'DELETE FROM {session2} WHERE sid = $i64',
    sessions: `SELECT sid, expire, ${d.bytes('info')} FROM {session2} WHERE sid > $i64 ORDER BY sid LIMIT $i64`,
    // Clients from before 1.0 keep a heartbeat in `session`, stale 5 minutes after it.
    eitherSession: `SELECT sid, expire, ${d.bytes('info')} FROM (SELECT sid, expire, info, 0 AS legacy FROM {session2} UNION ALL SELECT sid, heartbeat + 300, info, 1 FROM {session}) AS s WHERE sid = $i64 ORDER BY legacy LIMIT 1`,
    delLegacySession: 'DELETE FROM {session} WHERE sid = $i64',
    bothSessions: `SELECT sid, expire, ${d.bytes('info')} FROM (SELECT sid, expire, info FROM {session2} UNION ALL SELECT sid, heartbeat + 300, info FROM {session} WHERE sid NOT IN (SELECT sid FROM {session2})) AS s WHERE sid > $i64 ORDER BY sid LIMIT $i64`,

    putSustained:
      'INSERT INTO {sustained} (sid, inode) VALUES ($i64, $i64) ON CONFLICT (sid, inode) DO NOTHING',
    delSustained: 'DELETE FROM {sustained} WHERE sid = $i64 AND inode = $i64',
    sustained: `SELECT ${ino} FROM {sustained} WHERE sid = $i64 AND inode > $i64 ORDER BY inode LIMIT $i64`,

    putDeletedFile: `INSERT INTO {delfile} (inode, length, expire) VALUES ($i64, $i64, $i64) ${replacing('inode', 'length', 'expire')}`,
    delDeletedFile: 'DELETE FROM {delfile} WHERE inode = $i64',
    deletedFiles: `SELECT ${ino}, length, expire FROM {delfile} WHERE inode > $i64 ORDER BY inode LIMIT $i64`,

    putDelayedSlices: `INSERT INTO {delslices} (chunkid, deleted, slices) VALUES ($i64, $i64, $bytes) ${replacing('chunkid', 'deleted', 'slices')}`,
    delayed: `SELECT ${slices} FROM {delslices} WHERE chunkid = $i64 AND deleted = $i64`,
    delDelayedSlices: 'DELETE FROM {delslices} WHERE chunkid = $i64 AND deleted = $i64',
    delayedSlices: `SELECT chunkid, deleted, ${slices} FROM {delslices} WHERE chunkid > $i64 ORDER BY chunkid LIMIT $i64`,

    putDetached: `INSERT INTO {detached_node} (inode, added) VALUES ($i64, $i64) ${replacing('inode', 'added')}`,
    delDetached: 'DELETE FROM {detached_node} WHERE inode = $i64',
    detached: `SELECT ${ino}, added FROM {detached_node} WHERE inode > $i64 ORDER BY inode LIMIT $i64`,

    dirQuota: `SELECT ${QUOTA} FROM {dir_quota} WHERE inode = $i64`,
    putDirQuota: `INSERT INTO {dir_quota} (inode, ${QUOTA}) VALUES ($i64, $i64, $i64, $i64, $i64) ${replacing('inode', ...QUOTA_COLUMNS)}`,
    delDirQuota: 'DELETE FROM {dir_quota} WHERE inode = $i64',
    addDirQuota: `UPDATE {dir_quota} SET used_space = used_space + ${ADDED}, used_inodes = used_inodes + ${ADDED} WHERE inode = $i64`,
    dirQuotas: `SELECT ${ino}, ${QUOTA} FROM {dir_quota} WHERE inode > $i64 ORDER BY inode LIMIT $i64`,
    ownerQuota: `SELECT ${QUOTA} FROM {user_group_quota} WHERE qkey = $i64 AND qtype = $i32`,
    putOwnerQuota: `INSERT INTO {user_group_quota} (qkey, ${QUOTA}, qtype) VALUES ($i64, $i64, $i64, $i64, $i64, $i32) ${replacing('qtype, qkey', ...QUOTA_COLUMNS)}`,
    delOwnerQuota: 'DELETE FROM {user_group_quota} WHERE qkey = $i64 AND qtype = $i32',
    addOwnerQuota:
      'INSERT INTO {user_group_quota} AS q (used_space, used_inodes, qkey, qtype, max_space, max_inodes) VALUES ($i64, $i64, $i64, $i32, -1, -1) ON CONFLICT (qtype, qkey) DO UPDATE SET used_space = q.used_space + excluded.used_space, used_inodes = q.used_inodes + excluded.used_inodes',
    ownerQuotas: `SELECT qkey, ${QUOTA} FROM {user_group_quota} WHERE qkey > $i64 AND qtype = $i32 ORDER BY qkey LIMIT $i64`,

    dirStat: 'SELECT data_length, used_space, used_inodes FROM {dir_stats} WHERE inode = $i64',
    putDirStat: `INSERT INTO {dir_stats} (inode, data_length, used_space, used_inodes) VALUES ($i64, $i64, $i64, $i64) ${replacing('inode', 'data_length', 'used_space', 'used_inodes')}`,
    delDirStat: 'DELETE FROM {dir_stats} WHERE inode = $i64',
    addDirStat: `UPDATE {dir_stats} SET data_length = data_length + ${ADDED}, used_space = used_space + ${ADDED}, used_inodes = used_inodes + ${ADDED} WHERE inode = $i64`,

    counter: 'SELECT value FROM {counter} WHERE name = $text',
    putCounter: `INSERT INTO {counter} (name, value) VALUES ($text, $i64) ${replacing('name', 'value')}`,
    makeCounter: 'INSERT INTO {counter} (name, value) VALUES ($text, $i64) ON CONFLICT (name) DO NOTHING',
    addCounter: `INSERT INTO {counter} AS c (name, value) VALUES ($text, ${ADDED} + ${ADDED}) ON CONFLICT (name) DO UPDATE SET value = c.value + ${ADDED} RETURNING value`,
    addUsage: `UPDATE {counter} SET value = value + CASE name WHEN 'usedSpace' THEN ${ADDED} ELSE ${ADDED} END WHERE name IN ('usedSpace', 'totalInodes')`,
    claim:
      'INSERT INTO {counter} AS c (name, value) VALUES ($text, $i64) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE abs(excluded.value - c.value) >= CAST($i64 AS BIGINT)',

    setting: "SELECT value FROM {setting} WHERE name = 'format'",
    putSetting: `INSERT INTO {setting} (name, value) VALUES ('format', $text) ${replacing('name', 'value')}`,
  } as const
}

export type StatementName = keyof ReturnType<typeof statements>

/** One row, its values in the order selected. */
export type Row = readonly unknown[]

/** These return lock owners, which need all 64 bits: all their integers come as bigint. */
export const WIDE: ReadonlySet<StatementName> = new Set([
  'flocks',
  'sessionFlocks',
  'plocks',
  'sessionPlocks',
])

export interface LayoutOptions {
  readonly dialect: Dialect
  readonly place: Place
  /** Node columns that an old volume lacks: they read as 0. */
  readonly missingColumns: readonly string[]
  /** What stands for a table that an old volume lacks, in statements that read; its name where absent. */
  readonly standIn?: (table: string) => string | undefined
}

/** The statements as one database has them, with tables named and placeholders numbered. */
export class SqlLayout {
  readonly #options: LayoutOptions
  readonly #templates: Readonly<Record<StatementName, string>>
  readonly #nodeColumns: string

  constructor(options: LayoutOptions) {
    this.#options = options
    this.#templates = statements(options.dialect)
    this.#nodeColumns = nodeColumns(options.dialect, 'n', options.missingColumns)
  }

  /** The statement as this file has it, its placeholders not numbered yet. */
  template(name: StatementName): string {
    return this.#templates[name]
  }

  /** Ready for the driver. */
  text(name: StatementName): string {
    return this.render(this.#templates[name])
  }

  /** Tables named; `$type` of each parameter becomes what `param` says (the dialect's placeholder if absent). */
  render(template: string, param?: (type: ParamType) => string): string {
    const { dialect, place, standIn } = this.#options
    const reads = template.startsWith('SELECT')
    let at = 0
    const next = param ?? ((type: ParamType) => dialect.param(type, ++at))
    return template
      .replaceAll('{node.*}', this.#nodeColumns)
      .replaceAll(/\{(\w+)\}( AS \w+)?/g, (_, table: string, alias = '') => {
        const other = reads ? standIn?.(table) : undefined
        return other === undefined
          ? tableName(dialect, place, table) + alias
          : other + (alias || ` AS absent_${table}`)
      })
      .replaceAll(/\$(i64|i32|bytes|text|name)\b/g, (_, type: ParamType) => next(type))
  }
}
