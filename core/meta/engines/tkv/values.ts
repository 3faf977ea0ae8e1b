/**
 * Values as an ordered store holds them, beside the packed forms of records-codec.ts: counts, times, usage, lock lists.
 * Source: shared/spec/meta-sql-and-tkv.md §B1, B2.
 */
import { BackendError } from '#core/base/errno.ts'
import type { DirStat, FlockRecord, PlockRecord, Quota } from '#core/meta/records.ts'
import { decodePlocks, encodePlocks } from '#core/meta/records-codec.ts'

const FLOCK_BYTES = 17
const PLOCK_HEAD = 20

/** Where only the key matters. */
export const PLACEHOLDER: Uint8Array = Uint8Array.of(1)

/** Counts: of links, of users of a slice, counters that are added to. */
export function encodeCount(value: number): Buffer {
  const out = Buffer.allocUnsafe(8)
  out.writeBigInt64LE(BigInt(value))
  return out
}

export function decodeCount(bytes: Uint8Array, what: string): number {
  const b = view(bytes, 8, what)
  return exact(b.readBigInt64LE(0), what)
}

/** Times, and counters that hold one. */
export function encodeTime(value: number): Buffer {
  return encodeNumbers([value])
}

export function decodeTime(bytes: Uint8Array, what: string): number {
  return decodeNumbers(bytes, 1, what)[0]!
}

export function encodeDirStat({ length, space, inodes }: DirStat): Buffer {
  return encodeNumbers([length, space, inodes])
}

export function decodeDirStat(bytes: Uint8Array): DirStat {
  const [length, space, inodes] = decodeNumbers(bytes, 3, 'directory statistics')
  return { length: length!, space: space!, inodes: inodes! }
}

export function encodeQuota({ maxSpace, maxInodes, usedSpace, usedInodes }: Quota): Buffer {
  return encodeNumbers([maxSpace, maxInodes, usedSpace, usedInodes])
}

/** Limits above what a JS number counts are as good as none to be reached; they are rounded. */
export function decodeQuota(bytes: Uint8Array): Quota {
  const b = view(bytes, 32, 'a quota')
  const [usedSpace, usedInodes] = decodeNumbers(bytes.subarray(16), 2, 'the usage of a quota')
  return {
    maxSpace: Number(b.readBigInt64BE(0)),
    maxInodes: Number(b.readBigInt64BE(8)),
    usedSpace: usedSpace!,
    usedInodes: usedInodes!,
  }
}

export function encodeFlocks(locks: readonly FlockRecord[]): Buffer {
  const out = Buffer.allocUnsafe(locks.length * FLOCK_BYTES)
  for (const [k, { sid, owner, type }] of locks.entries()) {
    out.writeBigUInt64BE(BigInt(sid), k * FLOCK_BYTES)
    out.writeBigUInt64BE(owner, k * FLOCK_BYTES + 8)
    out.write(type, k * FLOCK_BYTES + 16)
  }
  return out
}

export function decodeFlocks(bytes: Uint8Array): FlockRecord[] {
  if (bytes.length % FLOCK_BYTES !== 0) throw corrupt(`a lock list of ${bytes.length} bytes`)
  const b = view(bytes)
  return Array.from({ length: b.length / FLOCK_BYTES }, (_, k) => {
    const at = k * FLOCK_BYTES
    return { ...ownerAt(b, at), type: b[at + 16] === 0x57 ? ('W' as const) : ('R' as const) }
  })
}

export function encodePlockList(locks: readonly PlockRecord[]): Buffer {
  return Buffer.concat(
    locks.flatMap(({ sid, owner, ranges }) => {
      const head = Buffer.allocUnsafe(PLOCK_HEAD)
      const packed = encodePlocks(ranges)
      head.writeBigUInt64BE(BigInt(sid), 0)
      head.writeBigUInt64BE(owner, 8)
      head.writeUInt32BE(packed.length, 16)
      return [head, packed]
    }),
  )
}

export function decodePlockList(bytes: Uint8Array): PlockRecord[] {
  const b = view(bytes)
  const locks: PlockRecord[] = []
  for (let at = 0; at < b.length; ) {
    const end = at + PLOCK_HEAD <= b.length ? at + PLOCK_HEAD + b.readUInt32BE(at + 16) : Number.NaN
    if (!(end <= b.length)) throw corrupt(`a lock list of ${b.length} bytes`)
    locks.push({ ...ownerAt(b, at), ranges: decodePlocks(b.subarray(at + PLOCK_HEAD, end)) })
    at = end
  }
  return locks
}

function ownerAt(b: Buffer, at: number): { readonly sid: number; readonly owner: bigint } {
  return { sid: exact(b.readBigUInt64BE(at), 'a session number'), owner: b.readBigUInt64BE(at + 8) }
}

function encodeNumbers(values: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(values.length * 8)
  for (const [k, value] of values.entries()) out.writeBigInt64BE(BigInt(value), k * 8)
  return out
}

function decodeNumbers(bytes: Uint8Array, count: number, what: string): number[] {
  const b = view(bytes, count * 8, what)
  return Array.from({ length: count }, (_, k) => exact(b.readBigInt64BE(k * 8), what))
}

function exact(value: bigint, what: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw corrupt(`${what} that this client cannot count`)
  return number
}

function view(bytes: Uint8Array, length = bytes.length, what = ''): Buffer {
  if (bytes.length !== length) throw corrupt(`${what} of ${bytes.length} bytes`)
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function corrupt(what: string): BackendError {
  return new BackendError('corrupt', `metadata holds ${what}`)
}
