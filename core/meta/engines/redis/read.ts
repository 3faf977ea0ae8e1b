/**
 * Records by key: which stored values make one, and how they are decoded. One record that is one value, and any number
 * of nodes, are plain commands; everything else is one run of lua/read.ts, so a call is one round trip and sees one
 * moment.
 */
import type { Redis } from 'ioredis'
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
import { delayedField, inoFromText, type Layout, ownerOfField, sliceField } from './layout.ts'
import type { FetchOp } from './lua/fetch.ts'
import { READ } from './lua/read.ts'
import { Script } from './script.ts'
import { asBytes, asList, asText, copy, decodeLimits, integer, nodeFrom } from './values.ts'
import { encodeCommand, type Reply, sendBytes, type Word } from './wire.ts'

const read = new Script(READ)
/** Records of one run of the script; more are several runs in the same trip, so that none holds up the server. */
const MAX_RUN = 200
/** Nodes of one MGET. */
export const MAX_NODES = 4096
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

/** Commands that bring one value by itself. */
const COMMANDS: Readonly<Record<FetchOp, readonly [name: string, ...after: string[]]>> = {
  G: ['GET'],
  H: ['HGET'],
  L: ['LRANGE', '0', '-1'],
  M: ['HGETALL'],
  Z: ['ZSCORE'],
  N: ['HLEN'],
}

/** The values of some records: what the script is asked for. */
class ValueList implements ValueSink {
  ops = ''
  readonly keys: string[] = []
  readonly args: Word[] = ['', '']

  value(op: FetchOp | 'E', key: string, field?: Word): void {
    this.ops += op
    this.keys.push(key)
    if (field !== undefined) this.args.push(field)
  }
}

/** Read the records in one round trip. @hot */
export async function readRecords(
  client: Redis,
  layout: Layout,
  keys: readonly RecordKey[],
): Promise<RecordValue[]> {
  if (keys.length > 1 && keys.every(({ kind }) => kind === 'node')) return readNodes(client, layout, keys)
  if (keys.length <= MAX_RUN) return readRun(client, layout, keys)
  const runs: Promise<RecordValue[]>[] = []
  for (let at = 0; at < keys.length; at += MAX_RUN)
    runs.push(readRun(client, layout, keys.slice(at, at + MAX_RUN)))
  return (await Promise.all(runs)).flat()
}

async function readRun(client: Redis, layout: Layout, keys: readonly RecordKey[]): Promise<RecordValue[]> {
  const list = new ValueList()
  for (let k = 0; k < keys.length; k++) valuesOf(layout, keys[k]!, list)
  const { ops } = list
  if (ops.length === 0) return []
  if (ops.length === 1 && ops !== 'E') return [decodeRecord(keys[0]!, [await readValue(client, list)])]
  list.args[0] = ops
  list.args[1] = layout.prefix
  const replies = asList(await read.run(client, list.keys, list.args))
  const records = new Array<RecordValue>(keys.length)
  for (let k = 0, at = 0; k < keys.length; k++) {
    records[k] = decodeRecord(keys[k]!, replies, at)
    at += valueCount(layout, keys[k]!)
  }
  return records
}

function valueCount(layout: Layout, { kind }: RecordKey): number {
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

function readValue(client: Redis, { ops, keys, args }: ValueList): Promise<Reply> {
  const [name, ...after] = COMMANDS[ops as FetchOp]
  return sendBytes(client, name.toLowerCase(), encodeCommand(name, keys[0]!, args.slice(2), after))
}

async function readNodes(client: Redis, layout: Layout, keys: readonly RecordKey[]): Promise<RecordValue[]> {
  const names = keys.map((key) => (key.kind === 'node' ? layout.node(key.ino) : ''))
  return (await getMany(client, names)).map(decodeNodeValue)
}

/** String values of many keys in one round trip. */
export async function getMany(client: Redis, names: readonly string[]): Promise<readonly Reply[]> {
  const parts: Promise<Reply>[] = []
  for (let at = 0; at < names.length; at += MAX_NODES)
    parts.push(sendBytes(client, 'mget', encodeCommand('MGET', names.slice(at, at + MAX_NODES))))
  return (await Promise.all(parts)).flatMap(asList)
}
