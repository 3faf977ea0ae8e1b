/** Records by key: the statement that finds one, and what its rows mean. */
import { type Ino, inoFromBigInt } from '#core/base/ino.ts'
import { nameToBytes } from '#core/base/name.ts'
import type { RecordKey, RecordValue } from '#core/meta/engine.ts'
import type {
  AclRule,
  DirStat,
  Edge,
  Entry,
  FlockRecord,
  NodeRecord,
  NodeType,
  PlockRecord,
  Quota,
  SessionRecord,
  SliceRef,
} from '#core/meta/records.ts'
import { decodeAclEntries, decodeDelayed, decodePlocks } from '#core/meta/records-codec.ts'
import type { SqlValue } from './dialect.ts'
import { exact, inoFromRow, inoToSql, nodeFromRow, ownerFromSql } from './rows.ts'
import type { Row, StatementName } from './statements.ts'

/** How the owner kinds are numbered in the quota table (§A4). */
export const QUOTA_TYPE = { user: 1, group: 2 } as const

/** A statement with its parameters. */
export interface Query {
  readonly statement: StatementName
  readonly params: readonly SqlValue[]
}

/** The statement that reads a record. `legacySessions`: the table of sessions from before 1.0 exists. @hot */
export function keyQuery(key: RecordKey, legacySessions: boolean): Query {
  switch (key.kind) {
    case 'node':
    case 'symlink':
    case 'flocks':
    case 'plocks':
    case 'parents':
    case 'dirStat':
      return { statement: key.kind, params: [inoToSql(key.ino)] }
    case 'edge':
    case 'entry':
      return { statement: key.kind, params: [inoToSql(key.parent), nameToBytes(key.name)] }
    case 'chunk':
      return { statement: 'chunk', params: [inoToSql(key.ino), key.index] }
    case 'xattr':
      return { statement: 'xattr', params: [inoToSql(key.ino), nameToBytes(key.name)] }
    case 'acl':
      return { statement: 'acl', params: [key.id] }
    case 'session':
      return { statement: legacySessions ? 'eitherSession' : 'session', params: [key.sid] }
    case 'quota':
      return key.of === 'dir'
        ? { statement: 'dirQuota', params: [inoToSql(key.id)] }
        : { statement: 'ownerQuota', params: [key.id, QUOTA_TYPE[key.of]] }
    case 'sliceRef':
      return { statement: 'sliceRef', params: [key.id] }
    case 'delayedSlices':
      return { statement: 'delayed', params: [key.newId, key.deleted] }
    case 'counter':
      return { statement: 'counter', params: [key.name] }
    case 'setting':
      return { statement: 'setting', params: [] }
    default:
      return key satisfies never
  }
}

/** Whether a record may take more than one row. */
export function takesRows(key: RecordKey): boolean {
  return key.kind === 'flocks' || key.kind === 'plocks' || key.kind === 'parents'
}

/** The record in the rows of its `keyQuery`. @hot */
export function recordFromRows(key: RecordKey, rows: readonly Row[]): RecordValue {
  if (rows.length === 0) return null
  switch (key.kind) {
    case 'flocks':
      return rows.map((row) => flockFromRow(row, 0))
    case 'plocks':
      return rows.map((row) => plockFromRow(row, 0))
    case 'parents':
      return rows.map((row) => ({ parent: inoFromRow(row[0]), links: row[1] as number }))
    default:
      return recordFromRow(key, rows[0]!)
  }
}

type OneRowKey = Exclude<RecordKey, { kind: 'flocks' | 'plocks' | 'parents' }>

function recordFromRow(key: OneRowKey, row: Row): RecordValue {
  switch (key.kind) {
    case 'node':
      return nodeFromRow(row, 0)
    case 'edge':
      return edgeFromRow(row)
    case 'entry':
      return entryFromRow(row, 0)
    case 'chunk':
    case 'symlink':
    case 'xattr':
      return bytesFromRow(row)
    case 'acl':
      return aclFromRow(row, 0)
    case 'session':
      return sessionFromRow(row)
    case 'dirStat':
      return dirStatFromRow(row)
    case 'quota':
      return quotaFromRow(row, 0)
    case 'sliceRef':
      return sliceRefFromRow(key.id, row)
    case 'delayedSlices': {
      const slices = decodeDelayed(row[0] as Uint8Array)
      return slices === undefined ? null : { newId: key.newId, deleted: key.deleted, slices }
    }
    case 'counter':
      return key.name.startsWith('next') ? exact(row[0], `counter ${key.name}`) : (row[0] as number)
    case 'setting':
      return row[0] === '' ? null : (row[0] as string)
    default:
      return key satisfies never
  }
}

export function edgeFromRow(row: Row): Edge {
  return { ino: inoFromRow(row[0]), type: row[1] as NodeType }
}

/** Values at `at`: inode, type, "node missing", then the node. */
export function entryFromRow(row: Row, at: number): Entry {
  const node: NodeRecord | null = row[at + 2] === 1 ? null : nodeFromRow(row, at + 3)
  return { ino: inoFromRow(row[at]), type: row[at + 1] as NodeType, node }
}

export function aclFromRow(row: Row, at: number): AclRule {
  const [owner, group, mask, other] = row.slice(at, at + 4).map((value) => (value as number | null) ?? 0)
  const entries = (value: unknown) => (value === null ? [] : decodeAclEntries(value as Uint8Array))
  return {
    owner: owner!,
    group: group!,
    mask: mask!,
    other: other!,
    users: entries(row[at + 4]),
    groups: entries(row[at + 5]),
  }
}

const W = 87n

/** Values at `at`, all bigint: sid, owner, type letter. */
export function flockFromRow(row: Row, at: number): FlockRecord {
  const [sid, owner, letter] = row.slice(at) as bigint[]
  return { sid: Number(sid), owner: ownerFromSql(owner!), type: letter === W ? 'W' : 'R' }
}

/** Values at `at`: sid, owner (bigint), packed ranges. */
export function plockFromRow(row: Row, at: number): PlockRecord {
  const [sid, owner] = row.slice(at) as bigint[]
  return {
    sid: Number(sid),
    owner: ownerFromSql(owner!),
    ranges: decodePlocks(row[at + 2] as Uint8Array),
  }
}

/** The inode of a row whose integers are bigint. */
export function wideIno(value: unknown): Ino {
  return inoFromRow(inoFromBigInt(value as bigint))
}

export function sessionFromRow(row: Row): SessionRecord {
  const info = row[2] as Buffer | null
  return { sid: row[0] as number, expire: row[1] as number, info: info === null ? '' : info.toString('utf8') }
}

/** Values at `at`: the two limits, the two usages. */
export function quotaFromRow(row: Row, at: number): Quota {
  const [maxSpace, maxInodes, usedSpace, usedInodes] = row.slice(at) as number[]
  return { maxSpace: maxSpace!, maxInodes: maxInodes!, usedSpace: usedSpace!, usedInodes: usedInodes! }
}

/** Values: size, references. */
function sliceRefFromRow(id: number, row: Row): SliceRef {
  return { id, size: row[0] as number, uses: Math.max(0, row[1] as number) }
}

function dirStatFromRow(row: Row): DirStat {
  const [length, space, inodes] = row as number[]
  return { length: length!, space: space!, inodes: inodes! }
}

function bytesFromRow(row: Row): Uint8Array {
  return (row[0] as Uint8Array | null) ?? new Uint8Array()
}
