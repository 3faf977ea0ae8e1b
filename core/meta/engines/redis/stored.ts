/**
 * Records as the values that are stored: which values make one, and how they are decoded. A record may be one value or
 * several of different keys; the first of several tells whether there is one.
 *
 * Source: shared/spec/meta-redis.md §2; meta-records.md.
 */
import type { ParentCount, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type {
  DirStat,
  Edge,
  FlockRecord,
  NodeRecord,
  PlockRecord,
  Quota,
  SessionRecord,
} from '#core/meta/records.ts'
import { decodeAclRule, decodeDelayed, decodeEdge, decodePlocks } from '#core/meta/records-codec.ts'
import { nodeFrom } from '#core/meta/stored-node.ts'
import { delayedField, inoFromText, type Layout, ownerOfField, sliceField } from './layout.ts'
import type { FetchOp } from './lua/fetch.ts'
import type { Reply } from './replies.ts'
import { asBytes, asList, asText, copy, decodeLimits, integer } from './values.ts'
import type { Word } from './wire.ts'

/** Sessions of old hold their last heartbeat, and lived this long after it (meta-records.md §12). */
const LEGACY_LIFE_SEC = 300

/** Takes down where the values of a record are. */
export interface ValueSink {
  value(op: FetchOp | 'E', key: string, field?: Word): void
}

/** The stored values of a record, in the order in which `decodeRecord` takes them. */
export function valuesOf(layout: Layout, key: RecordKey, sink: ValueSink): void {
  switch (key.kind) {
    case 'node':
      sink.value('G', layout.node(key.ino))
      return
    case 'edge':
      sink.value('H', layout.entries(key.parent), key.name)
      return
    case 'entry':
      sink.value('E', layout.entries(key.parent), key.name)
      return
    case 'chunk':
      sink.value('L', layout.chunk(key.ino, key.index))
      return
    case 'symlink':
      sink.value('G', layout.symlink(key.ino))
      return
    case 'xattr':
      sink.value('H', layout.xattrs(key.ino), key.name)
      return
    case 'acl':
      sink.value('H', layout.acls, String(key.id))
      return
    case 'flocks':
      sink.value('M', layout.flocks(key.ino))
      return
    case 'plocks':
      sink.value('M', layout.plocks(key.ino))
      return
    case 'parents':
      sink.value('M', layout.parents(key.ino))
      return
    case 'session': {
      const sid = String(key.sid)
      sink.value('Z', layout.allSessions, sid)
      sink.value('H', layout.sessionInfos, sid)
      if (layout.legacySessions !== undefined) sink.value('Z', layout.legacySessions, sid)
      return
    }
    case 'dirStat': {
      const field = layout.fieldOf(key.ino)
      sink.value('H', layout.dirStats.space, field)
      sink.value('H', layout.dirStats.inodes, field)
      sink.value('H', layout.dirStats.length, field)
      return
    }
    case 'quota': {
      const { inodes, space, limits } = layout.quotas[key.of]
      const field = layout.fieldOf(key.id)
      sink.value('H', inodes, field)
      sink.value('H', space, field)
      sink.value('H', limits, field)
      return
    }
    case 'sliceRef':
      sink.value('H', layout.sliceRefs, sliceField(key.id, key.size))
      return
    case 'delayedSlices':
      sink.value('H', layout.delayedSlices, delayedField(key.newId, key.deleted))
      return
    case 'counter':
      sink.value('G', layout.counter(key.name))
      return
    case 'setting':
      sink.value('G', layout.setting)
      return
    default:
      key satisfies never
  }
}

/** The record that the values at `at` make. @hot */
export function decodeRecord(key: RecordKey, values: readonly Reply[], at = 0): RecordValue {
  const value = values[at]!
  switch (key.kind) {
    case 'node':
      return decodeNodeValue(value)
    case 'edge':
      return decodeEdgeValue(value)
    case 'entry': {
      const edge = decodeEdgeValue(value)
      return edge === null ? null : { ino: edge.ino, type: edge.type, node: decodeNodeValue(values[at + 1]!) }
    }
    case 'chunk':
      return decodeChunkValue(value)
    case 'symlink':
    case 'xattr':
      return value === null ? null : copy(asBytes(value))
    case 'acl':
      return value === null ? null : decodeAclRule(asBytes(value))
    case 'flocks':
      return decodeHash(value, decodeFlock)
    case 'plocks':
      return decodeHash(value, decodePlock)
    case 'parents':
      return decodeHash(value, decodeParent)
    case 'session':
      return decodeSession(key.sid, value, values[at + 1]!, values[at + 2] ?? null)
    case 'dirStat':
      return decodeDirStat(value, values[at + 1]!, values[at + 2]!)
    case 'quota':
      return decodeQuota(value, values[at + 1]!, values[at + 2]!)
    case 'sliceRef': {
      // The number stored is of users but one; absent means one.
      const uses = value === null ? 1 : integer(value, 'a slice reference') + 1
      return { id: key.id, size: key.size, uses: Math.max(0, uses) }
    }
    case 'delayedSlices': {
      const slices = value === null ? undefined : decodeDelayed(asBytes(value))
      return slices === undefined ? null : { newId: key.newId, deleted: key.deleted, slices }
    }
    case 'counter':
      if (value === null) return key.name.startsWith('last') ? null : givenOut(key.name)
      return integer(value, `counter ${key.name}`) + givenOut(key.name)
    case 'setting':
      return value === null || asBytes(value).length === 0 ? null : asText(value)
    default:
      return key satisfies never
  }
}

/** Two counters hold the last number given out where the contract has the next. */
export function givenOut(name: string): 0 | 1 {
  return name === 'nextInode' || name === 'nextChunk' ? 1 : 0
}

export function decodeNodeValue(value: Reply): NodeRecord | null {
  if (value === null) return null
  const bytes = asBytes(value)
  return bytes.length === 0 ? null : nodeFrom(bytes)
}

export function decodeEdgeValue(value: Reply): Edge | null {
  return value === null ? null : decodeEdge(asBytes(value))
}

/** A list as LRANGE replies it, or joined by a script. */
export function decodeChunkValue(value: Reply): Uint8Array | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return copy(value)
  const records = asList(value)
  return records.length === 0 ? null : Buffer.concat(records.map(asBytes))
}

const hashes = new WeakMap<object, readonly Reply[]>()

/** Fields and values, in turn, that a record of a whole hash was decoded from; undefined when it was made here. */
export function hashOf(record: object): readonly Reply[] | undefined {
  return hashes.get(record)
}

function decodeHash<T>(
  value: Reply,
  decode: (field: string, value: Buffer) => T | undefined,
): readonly T[] | null {
  const pairs = value === null ? [] : asList(value)
  if (pairs.length === 0) return null
  const records: T[] = []
  for (let k = 0; k < pairs.length; k += 2) {
    const record = decode(asText(pairs[k]!), asBytes(pairs[k + 1]))
    if (record !== undefined) records.push(record)
  }
  hashes.set(records, pairs)
  return records
}

export function decodeFlock(field: string, value: Buffer): FlockRecord | undefined {
  const owner = ownerOfField(field)
  return owner === undefined ? undefined : { ...owner, type: value.toString() === 'W' ? 'W' : 'R' }
}

export function decodePlock(field: string, value: Buffer): PlockRecord | undefined {
  const owner = ownerOfField(field)
  return owner === undefined ? undefined : { ...owner, ranges: decodePlocks(value) }
}

/** Counts of 0 and less are left behind and mean nothing (meta-records.md §4). */
function decodeParent(field: string, value: Buffer): ParentCount | undefined {
  const parent = inoFromText(field)
  const links = Number(value.toString())
  return parent === undefined || !(links > 0) ? undefined : { parent, links }
}

export function decodeSession(sid: number, expire: Reply, info: Reply, legacy: Reply): SessionRecord | null {
  if (expire !== null) return { sid, expire: Number(asText(expire)), info: info === null ? '' : asText(info) }
  if (legacy === null) return null
  const expireSec = Number(asText(legacy)) + LEGACY_LIFE_SEC
  return { sid, expire: expireSec, info: info === null ? '' : asText(info) }
}

/** There when its space is, as the reference has it. */
function decodeDirStat(space: Reply, inodes: Reply, length: Reply): DirStat | null {
  if (space === null) return null
  return {
    length: length === null ? 0 : integer(length, 'directory statistics'),
    space: integer(space, 'directory statistics'),
    inodes: inodes === null ? 0 : integer(inodes, 'directory statistics'),
  }
}

/** There when its inodes are counted, as the reference has it. */
export function decodeQuota(inodes: Reply, space: Reply, limits: Reply): Quota | null {
  if (inodes === null) return null
  const none = { maxSpace: -1, maxInodes: -1 }
  return {
    ...(limits === null ? none : decodeLimits(asBytes(limits))),
    usedSpace: space === null ? 0 : integer(space, 'the usage of a quota'),
    usedInodes: integer(inodes, 'the usage of a quota'),
  }
}

/** How many values `decodeRecord` takes. */
export function valueCount(layout: Layout, { kind }: RecordKey): number {
  switch (kind) {
    case 'entry':
      return 2
    case 'session':
      return layout.legacySessions === undefined ? 2 : 3
    case 'dirStat':
    case 'quota':
      return 3
    default:
      return 1
  }
}
