/**
 * Values as Redis holds them. Records with a packed form are in records-codec.ts; here is what surrounds them: decimal
 * texts, and node records as they are compared and patched.
 *
 * Source: shared/spec/meta-redis.md §2; meta-records.md §2, 15.
 */
import type { Time } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Name, nameFromBytes } from '#core/base/name.ts'
import type { Reply } from './replies.ts'

const WORD = 2 ** 32
/** Offsets in a node record: both times that a change of entries sets, then nlink. */
const AT_MTIME = 23
const AT_CTIME = 35
const AT_NLINK = 47
const TIME_BYTES = 12

/** Seconds and nanoseconds as in a node record. */
export function timeBytes({ sec, nsec }: Time): Buffer {
  const out = Buffer.allocUnsafe(TIME_BYTES)
  out.writeInt32BE(Math.floor(sec / WORD), 0)
  out.writeUInt32BE(sec >>> 0, 4)
  out.writeUInt32BE(nsec, 8)
  return out
}

/** What lua/commit.ts does for `T`, on bytes at hand. */
export function patchNode(
  record: Uint8Array,
  { time, nlink }: { readonly time: string | Uint8Array; readonly nlink: number },
): Buffer {
  const out = Buffer.from(record)
  if (typeof time !== 'string') {
    out.set(time, AT_MTIME)
    out.set(time, AT_CTIME)
  }
  out.writeUInt32BE(Math.max(0, out.readUInt32BE(AT_NLINK) + nlink), AT_NLINK)
  return out
}

const LIMITS_BYTES = 16

/** The limits of a quota: two i64. */
export function encodeLimits(maxSpace: number, maxInodes: number): Buffer {
  const out = Buffer.allocUnsafe(LIMITS_BYTES)
  out.writeBigInt64BE(BigInt(maxSpace), 0)
  out.writeBigInt64BE(BigInt(maxInodes), 8)
  return out
}

/** Limits above what a JS number counts are as good as none to be reached; they are rounded. */
export function decodeLimits(bytes: Buffer): { readonly maxSpace: number; readonly maxInodes: number } {
  if (bytes.length !== LIMITS_BYTES) throw corrupt(`quota limits of ${bytes.length} bytes`)
  return { maxSpace: Number(bytes.readBigInt64BE(0)), maxInodes: Number(bytes.readBigInt64BE(8)) }
}

/** A decimal number that must be exact. */
export function integer(reply: Reply, what: string): number {
  const value = typeof reply === 'number' ? reply : Number(asText(reply))
  if (!Number.isSafeInteger(value)) throw corrupt(`${what}: "${asText(reply)}"`)
  return value
}

export function asText(reply: Reply): string {
  return reply instanceof Uint8Array ? reply.toString('utf8') : String(reply)
}

/** A byte string. */
export function asName(reply: Reply): Name {
  return nameFromBytes(asBytes(reply))
}

export function asBytes(reply: Reply | undefined): Buffer {
  if (reply instanceof Uint8Array) return reply
  throw new BackendError('corrupt', `the metadata server replied ${typeof reply} instead of bytes`)
}

export function asList(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply
  throw new BackendError('corrupt', `the metadata server replied ${typeof reply} instead of a list`)
}

/** Replies view the pieces in which they came: what is kept for long is copied. */
export function copy(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

export function corrupt(what: string): BackendError {
  return new BackendError('corrupt', `metadata holds ${what}`)
}
