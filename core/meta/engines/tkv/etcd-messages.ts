/**
 * Requests of etcd's API v3 and what comes back. Field numbers: etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.
 */
import { Message, write } from '#core/tikv/messages.ts'
import type { Key, KeyRange } from './ordered-store.ts'

const DESCENDING = 2
/** What a Compare looks at, and how. */
const MOD_REVISION = 2
const EQUAL = 0
const LESS = 2

const bytesOf = (key: Key): Buffer => Buffer.from(key, 'latin1')

export interface RangeRequest {
  /** One key, or a range. */
  readonly at: Key | KeyRange
  /** As of then; the newest, agreed upon by most members, without. */
  readonly revision?: number
  readonly limit?: number
  readonly reverse?: boolean
  readonly keysOnly?: boolean
}

export function encodeRange({ at, revision, limit, reverse, keysOnly }: RangeRequest): Buffer {
  return write((writer) => {
    if (typeof at === 'string') writer.bytes(1, bytesOf(at))
    else writer.bytes(1, bytesOf(at.from)).bytes(2, bytesOf(at.to))
    writer.number(3, limit ?? 0).number(4, revision ?? 0)
    if (reverse) writer.number(5, DESCENDING)
    if (keysOnly) writer.number(8, 1)
  })
}

export function encodeDeleteRange({ from, to }: KeyRange): Buffer {
  return write((writer) => writer.bytes(1, bytesOf(from)).bytes(2, bytesOf(to)))
}

export interface KeyValue {
  readonly key: Key
  readonly value: Buffer
  /** The revision that wrote it. */
  readonly modRevision: number
}

/** The pairs of a RangeResponse. @hot */
export function pairsFrom(reply: Message): readonly KeyValue[] {
  return reply.each(2).map((bytes) => {
    const pair = new Message(bytes)
    return { key: pair.key(1), value: pair.bytes(5), modRevision: pair.number(3) }
  })
}

/** The store's revision when it answered; of a transaction that wrote, its own. */
export function revisionFrom(reply: Message): number {
  return reply.message(1)?.number(3) ?? 0
}

/** A condition of a transaction. 0: the key is not there. */
export interface Compare {
  readonly key: Key
  readonly modRevision: { readonly is: number } | { readonly below: number }
}

export type Operation =
  | { readonly range: RangeRequest }
  | { readonly put: Key; readonly value: Uint8Array }
  /** Write the value anew that is there. */
  | { readonly touch: Key }
  | { readonly delete: Key }

export interface TxnRequest {
  readonly compares?: readonly Compare[]
  /** When all of them hold. */
  readonly success: readonly Operation[]
  readonly failure?: readonly Operation[]
}

export function encodeTxn({ compares = [], success, failure = [] }: TxnRequest): Buffer {
  return write((writer) => {
    for (const compare of compares) writer.item(1, encodeCompare(compare))
    for (const operation of success) writer.item(2, encodeOperation(operation))
    for (const operation of failure) writer.item(3, encodeOperation(operation))
  })
}

function encodeCompare({ key, modRevision }: Compare): Buffer {
  const [result, revision] = 'is' in modRevision ? [EQUAL, modRevision.is] : [LESS, modRevision.below]
  return write((writer) =>
    writer.number(1, result).number(2, MOD_REVISION).bytes(3, bytesOf(key)).number(6, revision),
  )
}

function encodeOperation(operation: Operation): Buffer {
  return write((writer) => {
    if ('range' in operation) writer.item(1, encodeRange(operation.range))
    else if ('put' in operation)
      writer.item(
        2,
        write((put) => put.bytes(1, bytesOf(operation.put)).bytes(2, operation.value)),
      )
    else if ('touch' in operation)
      writer.item(
        2,
        write((put) => put.bytes(1, bytesOf(operation.touch)).number(5, 1)),
      )
    else
      writer.item(
        3,
        write((remove) => remove.bytes(1, bytesOf(operation.delete))),
      )
  })
}

/** Whether the conditions held, and the pairs of each operation that was a range. */
export function txnFrom(reply: Message): {
  readonly succeeded: boolean
  readonly ranges: readonly (readonly KeyValue[])[]
} {
  const ranges = reply.each(3).map((bytes) => {
    const range = new Message(bytes).message(1)
    return range === undefined ? [] : pairsFrom(range)
  })
  return { succeeded: reply.number(2) !== 0, ranges }
}
