/** Records by key. */
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
} from '#core/meta/records.ts'
import { decodeAclEntries, decodeDelayed, decodePlocks } from '#core/meta/records-codec.ts'
import { exact, inoFromRow, inoToSql, nodeFromRow, ownerFromSql } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/** How the owner kinds are numbered in the quota table (§A4). */
export const QUOTA_TYPE = { user: 1, group: 2 } as const

/** @hot */
export function readRecord(s: Statements, key: RecordKey, legacySessions: boolean): RecordValue {
  switch (key.kind) {
    case 'node':
      return readNode(s, key.ino)
    case 'edge':
      return readEdge(s, key.parent, key.name)
    case 'entry':
      return readEntry(s, key.parent, key.name)
    case 'chunk':
      return readChunk(s, key.ino, key.index)
    case 'symlink':
      return firstBytes(s.row('symlink', inoToSql(key.ino)))
    case 'xattr':
      return firstBytes(s.row('xattr', inoToSql(key.ino), nameToBytes(key.name)))
    case 'acl':
      return aclFromRow(s.row('acl', key.id), 0)
    case 'flocks':
      return orNull(s.rows('flocks', inoToSql(key.ino)).map((row) => flockFromRow(row, 0)))
    case 'plocks':
      return orNull(s.rows('plocks', inoToSql(key.ino)).map((row) => plockFromRow(row, 0)))
    case 'parents':
      return orNull(
        s
          .rows('parents', inoToSql(key.ino))
          .map((row) => ({ parent: inoFromRow(row[0]), links: row[1] as number })),
      )
    case 'session':
      return sessionFromRow(
        s.row('session', key.sid) ?? (legacySessions ? s.row('legacySession', key.sid) : undefined),
      )
    case 'dirStat':
      return dirStatFromRow(s.row('dirStat', inoToSql(key.ino)))
    case 'quota':
      return quotaFromRow(
        key.of === 'dir'
          ? s.row('dirQuota', inoToSql(key.id))
          : s.row('ownerQuota', key.id, QUOTA_TYPE[key.of]),
        0,
      )
    case 'sliceRef': {
      const row = s.row('sliceRef', key.id)
      return row === undefined
        ? null
        : { id: key.id, size: row[0] as number, uses: Math.max(0, row[1] as number) }
    }
    case 'delayedSlices': {
      const row = s.row('delayed', key.newId, key.deleted)
      const slices = row === undefined ? undefined : decodeDelayed(row[0] as Uint8Array)
      return slices === undefined ? null : { newId: key.newId, deleted: key.deleted, slices }
    }
    case 'counter': {
      const row = s.row('counter', key.name)
      if (row === undefined) return null
      return key.name.startsWith('next') ? exact(row[0], `counter ${key.name}`) : (row[0] as number)
    }
    case 'setting': {
      const text = s.row('setting')?.[0] as string | undefined
      return text === undefined || text === '' ? null : text
    }
    default:
      return key satisfies never
  }
}

export function readNode(s: Statements, ino: Ino): NodeRecord | null {
  const row = s.row('node', inoToSql(ino))
  return row === undefined ? null : nodeFromRow(row, 0)
}

export function readEdge(s: Statements, parent: Ino, name: string): Edge | null {
  const row = s.row('edge', inoToSql(parent), nameToBytes(name))
  return row === undefined ? null : { ino: inoFromRow(row[0]), type: row[1] as NodeType }
}

function readEntry(s: Statements, parent: Ino, name: string): Entry | null {
  const edge = readEdge(s, parent, name)
  return edge === null ? null : { ino: edge.ino, type: edge.type, node: readNode(s, edge.ino) }
}

export function readChunk(s: Statements, ino: Ino, index: number): Uint8Array | null {
  return firstBytes(s.row('chunk', inoToSql(ino), index))
}

/** Values at `at`: inode, type, "node missing", then the node. */
export function entryFromRow(row: Row, at: number): Entry {
  return {
    ino: inoFromRow(row[at]),
    type: row[at + 1] as NodeType,
    node: row[at + 2] === 1 ? null : nodeFromRow(row, at + 3),
  }
}

export function aclFromRow(row: Row | undefined, at: number): AclRule | null {
  if (row === undefined) return null
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

export function sessionFromRow(row: Row | undefined): SessionRecord | null {
  if (row === undefined) return null
  const info = row[2] as Buffer | null
  return { sid: row[0] as number, expire: row[1] as number, info: info === null ? '' : info.toString('utf8') }
}

/** Values at `at`: the two limits, the two usages. */
export function quotaFromRow(row: Row | undefined, at: number): Quota | null {
  if (row === undefined) return null
  const [maxSpace, maxInodes, usedSpace, usedInodes] = row.slice(at) as number[]
  return { maxSpace: maxSpace!, maxInodes: maxInodes!, usedSpace: usedSpace!, usedInodes: usedInodes! }
}

function dirStatFromRow(row: Row | undefined): DirStat | null {
  if (row === undefined) return null
  const [length, space, inodes] = row as number[]
  return { length: length!, space: space!, inodes: inodes! }
}

function firstBytes(row: Row | undefined): Uint8Array | null {
  return row === undefined ? null : ((row[0] as Uint8Array | null) ?? new Uint8Array())
}

function orNull<T>(items: readonly T[]): readonly T[] | null {
  return items.length === 0 ? null : items
}
