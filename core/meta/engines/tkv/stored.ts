/**
 * Records as what is stored: which keys make one, and how it is decoded.
 * Source: shared/spec/meta-sql-and-tkv.md §B1, B2; meta-records.md.
 */
import type { ParentCount, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { NodeRecord, SessionRecord } from '#core/meta/records.ts'
import { decodeAclRule, decodeDelayed, decodeEdge } from '#core/meta/records-codec.ts'
import { nodeFrom } from '#core/meta/stored-node.ts'
import { inoOfKey, type Layout } from './layout.ts'
import type { Key, Pair } from './ordered-store.ts'
import {
  decodeCount,
  decodeDirStat,
  decodeFlocks,
  decodePlockList,
  decodeQuota,
  decodeTime,
} from './values.ts'

/** Sessions of old hold their last heartbeat, and lived this long after it (meta-records.md §12). */
const LEGACY_LIFE_SEC = 300
/** Counters of ids hold the next one to be given out; others count from 0. */
const FIRST: Readonly<Record<string, number>> = { nextInode: 2, nextChunk: 1 }

export type Value = Uint8Array | null

/** The keys of a record, in the order in which `recordFrom` takes their values; of an entry, its edge. */
export function keysOf(layout: Layout, key: Exclude<RecordKey, { kind: 'parents' }>): readonly Key[] {
  switch (key.kind) {
    case 'node':
      return [layout.node(key.ino)]
    case 'edge':
    case 'entry':
      return [layout.edge(key.parent, key.name)]
    case 'chunk':
      return [layout.chunk(key.ino, key.index)]
    case 'symlink':
      return [layout.symlink(key.ino)]
    case 'xattr':
      return [layout.xattr(key.ino, key.name)]
    case 'acl':
      return [layout.acl(key.id)]
    case 'flocks':
      return [layout.flocks(key.ino)]
    case 'plocks':
      return [layout.plocks(key.ino)]
    case 'session':
      return [layout.sessionExpiry(key.sid), layout.sessionInfo(key.sid), layout.sessionHeartbeat(key.sid)]
    case 'dirStat':
      return [layout.dirStat(key.ino)]
    case 'quota':
      return [layout.quota(key.of, key.id)]
    case 'sliceRef':
      return [layout.sliceRef(key.id, key.size)]
    case 'delayedSlices':
      return [layout.delayed(key.deleted, key.newId)]
    case 'counter':
      return [layout.counter(key.name)]
    case 'setting':
      return [layout.setting]
    default:
      return key satisfies never
  }
}

/** The record that these values of `keysOf` make; of an entry, its edge. @hot */
export function recordFrom(
  key: Exclude<RecordKey, { kind: 'parents' }>,
  [value = null, second = null, third = null]: readonly Value[],
): RecordValue {
  if (key.kind === 'session') return sessionFrom(key.sid, value, second, third)
  if (key.kind === 'counter') return counterFrom(key.name, value)
  // Absent means one user: the number stored is of users but one.
  if (key.kind === 'sliceRef') return { id: key.id, size: key.size, uses: usesFrom(value) }
  if (value === null) return null
  switch (key.kind) {
    case 'node':
      return decodeNodeValue(value)
    case 'edge':
    case 'entry':
      return decodeEdge(value)
    case 'chunk':
    case 'symlink':
    case 'xattr':
      return value
    case 'acl':
      return decodeAclRule(value)
    case 'flocks':
      return decodeFlocks(value)
    case 'plocks':
      return decodePlockList(value)
    case 'dirStat':
      return decodeDirStat(value)
    case 'quota':
      return decodeQuota(value)
    case 'delayedSlices': {
      const slices = decodeDelayed(value)
      return slices === undefined ? null : { newId: key.newId, deleted: key.deleted, slices }
    }
    case 'setting':
      return Buffer.from(value).toString('utf8')
    default:
      return key satisfies never
  }
}

export function decodeNodeValue(value: Uint8Array): NodeRecord {
  return nodeFrom(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
}

/** What `layout.parents(ino)` holds; null when nothing. Counts of 0 and less mean nothing (§B3). */
export function parentsFrom(layout: Layout, pairs: readonly Pair[]): readonly ParentCount[] | null {
  if (pairs.length === 0) return null
  return pairs.flatMap(({ key, value }) => {
    const links = decodeCount(value, 'a number of links')
    const rest = layout.rest(key, 1)
    return rest.length === 17 && links > 0 ? [{ parent: inoOfKey(rest, 9), links }] : []
  })
}

export function sessionFrom(sid: number, expiry: Value, info: Value, heartbeat: Value): SessionRecord | null {
  const text = info === null ? '' : Buffer.from(info).toString('utf8')
  if (expiry !== null) return { sid, expire: decodeTime(expiry, 'the end of a session'), info: text }
  if (heartbeat === null) return null
  return { sid, expire: decodeTime(heartbeat, 'the heartbeat of a session') + LEGACY_LIFE_SEC, info: text }
}

/** Users of a slice as stored; below 1 there is none. */
export function usesFrom(value: Value): number {
  return value === null ? 1 : Math.max(0, decodeCount(value, 'a slice reference') + 1)
}

/** Gates hold times, big endian, and are absent before the first; the others count. */
export function counterFrom(name: string, value: Value): number | null {
  if (isGate(name)) {
    if (value !== null) return decodeTime(value, `counter ${name}`)
    return name.startsWith('last') ? null : 0
  }
  return value === null ? (FIRST[name] ?? 0) : decodeCount(value, `counter ${name}`)
}

export function isGate(name: string): boolean {
  return name === 'nextCleanupSlices' || name.startsWith('last')
}

/** The first number given out when `n` are taken of a counter that held `value`. */
export function firstGiven(name: string, value: number): number {
  return FIRST[name] === undefined ? value + 1 : value
}

/** Counters of a fresh volume (§B2, meta-records.md §11). */
export const FIRST_COUNTERS: readonly (readonly [string, number])[] = Object.entries(FIRST)
