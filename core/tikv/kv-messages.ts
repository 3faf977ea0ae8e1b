/** Requests to stores and what comes back. Field numbers: shared/spec/tikv-client.md §2, §5. */
import { fieldsOf, type MessageWriter } from '#core/base/protobuf.ts'
import { type Key, keyToBytes } from './keys.ts'
import { Message, type Peer, peerFrom, type RegionMeta, regionFrom, write } from './messages.ts'
import type { Region } from './region-cache.ts'
import type { Timestamp } from './timestamp.ts'

export interface RequestContext {
  /** Transactions whose locks may be passed: not committed at the timestamp of the read. */
  readonly resolvedLocks?: Iterable<Timestamp>
  /** Transactions whose locks may be read as if committed. */
  readonly committedLocks?: Iterable<Timestamp>
  /** The same request was sent before, and its answer was lost. */
  readonly isRetry?: boolean
  /** A long scan that shall not be in the way. */
  readonly lowPriority?: boolean
}

const LOW = 1

export function encodeContext(region: Region, context: RequestContext): Buffer {
  return write((writer) => {
    // Stores compare the epoch also where all of it is zero: it is there in any case.
    writer
      .number(1, region.id)
      .item(
        2,
        write((epoch) => epoch.number(1, region.confVer).number(2, region.version)),
      )
      .item(
        3,
        write((peer) => peer.number(1, region.leader.id).number(2, region.leader.storeId)),
      )
    if (context.lowPriority) writer.number(6, LOW).number(8, 1)
    if (context.resolvedLocks !== undefined) writer.packed(13, context.resolvedLocks)
    if (context.isRetry) writer.number(20, 1)
    if (context.committedLocks !== undefined) writer.packed(22, context.committedLocks)
    writer.bytes(24, SOURCE)
  })
}

const SOURCE = Buffer.from('pomelo')

export interface LockInfo {
  readonly primary: Key
  /** The start timestamp of the transaction that holds it. */
  readonly version: Timestamp
  readonly key: Key
  readonly ttlMs: number
  readonly txnSize: number
  readonly useAsyncCommit: boolean
  readonly minCommitTs: Timestamp
  readonly secondaries: readonly Key[]
}

export function lockFrom(message: Message): LockInfo {
  return {
    primary: message.key(1),
    version: message.bigint(2),
    key: message.key(3),
    ttlMs: message.number(4),
    txnSize: message.number(5),
    useAsyncCommit: message.number(8) !== 0,
    minCommitTs: message.bigint(9),
    secondaries: message.each(10).map((key) => key.toString('latin1')),
  }
}

/** What a store says of a key. */
export type KeyError =
  | { readonly kind: 'locked'; readonly lock: LockInfo }
  | { readonly kind: 'conflict'; readonly startTs: Timestamp; readonly conflictTs: Timestamp }
  | { readonly kind: 'commitTsExpired'; readonly minCommitTs: Timestamp }
  | { readonly kind: 'txnNotFound' | 'alreadyExist' }
  | { readonly kind: 'retryable' | 'other'; readonly text: string }

/** Numbers of the errors that have no text, for messages. */
const NAMES: Readonly<Record<number, string>> = {
  6: 'deadlock',
  9: 'commit_ts_too_large',
  10: 'assertion_failed',
  11: 'primary_mismatch',
}

export function keyErrorFrom(message: Message): KeyError {
  const locked = message.message(1)
  if (locked !== undefined) return { kind: 'locked', lock: lockFrom(locked) }
  if (message.has(2)) return { kind: 'retryable', text: message.text(2) }
  if (message.has(3)) return { kind: 'other', text: message.text(3) }
  const conflict = message.message(4)
  if (conflict !== undefined)
    return { kind: 'conflict', startTs: conflict.bigint(1), conflictTs: conflict.bigint(2) }
  if (message.has(5)) return { kind: 'alreadyExist' }
  const expired = message.message(7)
  if (expired !== undefined) return { kind: 'commitTsExpired', minCommitTs: expired.bigint(4) }
  // Newer stores say of a commit that its lock is gone in a field of its own.
  if (message.has(8) || message.has(12)) return { kind: 'txnNotFound' }
  return { kind: 'other', text: message.fields.map((field) => NAMES[field] ?? `error ${field}`).join(', ') }
}

export function keyErrorAt(message: Message, field: number): KeyError | undefined {
  const error = message.message(field)
  return error === undefined ? undefined : keyErrorFrom(error)
}

export type RegionError =
  | { readonly kind: 'notLeader'; readonly leader: Peer | undefined }
  | { readonly kind: 'epochNotMatch'; readonly current: readonly RegionMeta[] }
  | { readonly kind: 'serverIsBusy' | 'other'; readonly text: string }
  | {
      readonly kind:
        | 'staleCommand'
        | 'storeNotMatch'
        | 'tooLarge'
        | 'notReady'
        | 'diskFull'
        | 'recovery'
        | 'flashback'
    }

const REGION_ERRORS: Readonly<Record<number, RegionError>> = {
  7: { kind: 'staleCommand' },
  8: { kind: 'storeNotMatch' },
  9: { kind: 'tooLarge' },
  10: { kind: 'notReady' },
  11: { kind: 'notReady' },
  12: { kind: 'notReady' },
  13: { kind: 'notReady' },
  14: { kind: 'notReady' },
  15: { kind: 'diskFull' },
  16: { kind: 'recovery' },
  17: { kind: 'flashback' },
  18: { kind: 'flashback' },
  19: { kind: 'recovery' },
}

export function regionErrorFrom(message: Message): RegionError {
  const notLeader = message.message(2)
  if (notLeader !== undefined) {
    const leader = notLeader.message(2)
    return { kind: 'notLeader', leader: leader === undefined ? undefined : peerFrom(leader) }
  }
  const epoch = message.message(5)
  if (epoch !== undefined)
    return { kind: 'epochNotMatch', current: epoch.each(1).map((region) => regionFrom(new Message(region))) }
  if (message.has(6)) return { kind: 'serverIsBusy', text: message.message(6)?.text(1) ?? '' }
  for (const field of message.fields) {
    const known = REGION_ERRORS[field]
    if (known !== undefined) return known
  }
  return { kind: 'other', text: message.text(1) }
}

export const OP_PUT = 0
export const OP_DEL = 1
export const OP_LOCK = 2
/** A put of a key that must not exist, at whatever time it was made. */
export const OP_INSERT = 4

export interface Mutation {
  readonly op: typeof OP_PUT | typeof OP_DEL | typeof OP_LOCK | typeof OP_INSERT
  readonly key: Key
  readonly value?: Uint8Array
}

export function encodeMutation({ op, key, value }: Mutation): Buffer {
  return write((writer) => {
    writer.number(1, op).bytes(2, keyToBytes(key))
    if (value !== undefined) writer.bytes(3, value)
  })
}

export interface KeyValue {
  readonly key: Key
  readonly value: Buffer
}

/** The pairs of a KvPair field: found ones, and errors of the others. @hot */
export function pairsFrom(pairs: readonly Buffer[]): {
  readonly found: KeyValue[]
  readonly errors: KeyError[]
} {
  const found: KeyValue[] = []
  const errors: KeyError[] = []
  for (const pair of pairs) {
    let key: Key = ''
    let value: Buffer | undefined
    let error: Buffer | undefined
    for (const [field, bytes] of fieldsOf(pair)) {
      if (!Buffer.isBuffer(bytes)) continue
      if (field === 1) error = bytes
      else if (field === 2) key = bytes.toString('latin1')
      else if (field === 3) value = bytes
    }
    if (error !== undefined) errors.push(keyErrorFrom(new Message(error)))
    else found.push({ key, value: value ?? Buffer.alloc(0) })
  }
  return { found, errors }
}

export function addKeys(writer: MessageWriter, field: number, keys: readonly Key[]): MessageWriter {
  for (const key of keys) writer.item(field, keyToBytes(key))
  return writer
}
