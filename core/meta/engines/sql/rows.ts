/**
 * Rows of the tables to records and back.
 *
 * Integers come as JS numbers. The two columns that can hold more than 2^53 in a sane volume, inodes and
 * times, are brought into range by SQL: the dialect's `carried` maps stored inodes to the form of base/ino.ts, and
 * times arrive as seconds and nanoseconds.
 */
import { BackendError } from '#core/base/errno.ts'
import { type Ino, inoToBigInt, VIRTUAL_INO } from '#core/base/ino.ts'
import { nameFromBytes } from '#core/base/name.ts'
import type { NodeRecord, NodeType } from '#core/meta/records.ts'
import type { Dialect } from './dialect.ts'

/** A bound or returned integer: bigint only where a number would not be exact. */
export type SqlInteger = number | bigint

function seconds(column: string): string {
  return `${column} / 1000000`
}

function nanoseconds(column: string, rest: string): string {
  return `${column} % 1000000 * 1000 + ${rest}`
}

const LATER = new Set(['atimensec', 'mtimensec', 'ctimensec', 'access_acl_id', 'default_acl_id', 'tier_id'])

/** How many values `nodeColumns` selects. */
export const NODE_WIDTH = 18

/** The select list of a node, qualified by `table`; columns an old volume lacks read as 0. */
export function nodeColumns(dialect: Dialect, table: string, missing: readonly string[]): string {
  const column = (name: string): string =>
    LATER.has(name) && missing.includes(name) ? '0' : `${table}.${name}`
  const or0 = (name: string): string => `coalesce(${column(name)}, 0)`
  const times = ['atime', 'mtime', 'ctime'].flatMap((name) => [
    seconds(column(name)),
    nanoseconds(column(name), or0(`${name}nsec`)),
  ])
  return [
    ...['type', 'flags', 'mode', 'uid', 'gid'].map(column),
    ...times,
    ...['nlink', 'length'].map(column),
    or0('rdev'),
    dialect.carried(column('parent')),
    ...['access_acl_id', 'default_acl_id', 'tier_id'].map(or0),
  ].join(', ')
}

/** A node from the values of `nodeColumns`, which start at `at`. @hot */
export function nodeFromRow(row: readonly unknown[], at: number): NodeRecord {
  const v = row as readonly number[]
  const node = {
    flags: v[at + 1]!,
    type: v[at]! as NodeType,
    mode: v[at + 2]!,
    uid: v[at + 3]!,
    gid: v[at + 4]!,
    atime: v[at + 5]!,
    atimeNsec: v[at + 6]!,
    mtime: v[at + 7]!,
    mtimeNsec: v[at + 8]!,
    ctime: v[at + 9]!,
    ctimeNsec: v[at + 10]!,
    nlink: v[at + 11]!,
    length: exact(v[at + 12]!, 'file length'),
    rdev: v[at + 13]!,
    parent: inoFromRow(v[at + 14]!),
    accessAcl: v[at + 15]!,
    defaultAcl: v[at + 16]!,
    tier: v[at + 17]!,
  }
  // Before 1970 both parts come as numbers <= 0 (§A4.1).
  if (node.atimeNsec < 0) {
    node.atime--
    node.atimeNsec += 1e9
  }
  if (node.mtimeNsec < 0) {
    node.mtime--
    node.mtimeNsec += 1e9
  }
  if (node.ctimeNsec < 0) {
    node.ctime--
    node.ctimeNsec += 1e9
  }
  return node
}

/** Check a carried inode that came out of SQL. */
export function inoFromRow(value: unknown): Ino {
  const ino = value as number
  if (ino >= 0 && ino < 2 ** 53) return ino
  throw new BackendError('corrupt', `metadata holds an inode number no volume can have (${ino})`)
}

/** Bind an inode. @hot */
export function inoToSql(ino: Ino): SqlInteger {
  return ino < VIRTUAL_INO ? ino : inoToBigInt(ino)
}

/** A number that must count exactly. */
export function exact(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new BackendError('corrupt', `metadata holds a ${what} this client cannot count (${String(value)})`)
}

/** Lock owners are u64, stored as the i64 of the same bits. */
export function ownerToSql(owner: bigint): bigint {
  return BigInt.asIntN(64, owner)
}

export function ownerFromSql(owner: bigint): bigint {
  return BigInt.asUintN(64, owner)
}

/** Names come as bytes, those of xattrs too, whose column is text. */
export function nameFromBlob(blob: unknown): string {
  return nameFromBytes(blob as Uint8Array)
}

/** The values of a node in the order of NODE_COLUMNS. @hot */
export function nodeToSql(node: NodeRecord): SqlInteger[] {
  return [
    node.type,
    node.flags,
    node.mode,
    node.uid,
    node.gid,
    ...timeToSql(node.atime, node.atimeNsec),
    ...timeToSql(node.mtime, node.mtimeNsec),
    ...timeToSql(node.ctime, node.ctimeNsec),
    node.nlink,
    node.length,
    node.rdev,
    inoToSql(node.parent),
    node.accessAcl,
    node.defaultAcl,
    node.tier,
  ]
}

/** The last second that fits 64 bits of nanoseconds, and the largest with exact microseconds as a number. */
const LAST_SEC = 9_223_372_036
const LAST_NSEC = 854_775_807
const EXACT_SEC = 9_007_199_253

/**
 * The pair of columns of a time: microseconds and the rest in nanoseconds, both truncated toward zero; times
 * outside 1677..2262 are clamped to that range. Source: §A4.1.
 */
export function timeToSql(sec: number, nsec: number): [SqlInteger, number] {
  let s = sec
  let n = nsec
  if (s < 0 && n > 0) {
    s += 1
    n -= 1e9
  }
  if (s > LAST_SEC || (s === LAST_SEC && n > LAST_NSEC)) {
    s = LAST_SEC
    n = LAST_NSEC
  }
  if (s < -LAST_SEC || (s === -LAST_SEC && n < -LAST_NSEC)) {
    s = -LAST_SEC
    n = -LAST_NSEC
  }
  const micro = Math.trunc(n / 1000)
  const rest = n - micro * 1000
  if (s > EXACT_SEC || s < -EXACT_SEC) return [BigInt(s) * 1_000_000n + BigInt(micro), rest]
  return [s * 1e6 + micro, rest]
}
