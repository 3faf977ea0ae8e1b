/**
 * The part of the protocol buffer encoding that dumps and TiKV use: varints and length-delimited fields. Numbers of 64
 * bits that a JS number does not hold are bigint, unsigned as on the wire. Source: protobuf.dev/programming-guides/encoding.
 */
import { BackendError } from './errno.ts'

const VARINT = 0
const I64 = 1
const BYTES = 2
const I32 = 5
const WORD = 2 ** 32

export type FieldValue = number | bigint | Buffer

/** A message being written. Zero and empty fields are left out, as the encoding has it. */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(512)
  #length = 0

  get length(): number {
    return this.#length
  }

  number(field: number, value: number | bigint): this {
    return value === 0 || value === 0n ? this : this.#tag(field, VARINT).#varint(value)
  }

  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.item(field, value)
  }

  /** An element of a repeated field: there even when it is empty. */
  item(field: number, value: Uint8Array): this {
    this.#tag(field, BYTES).#varint(value.length)
    this.#room(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  packed(field: number, values: Iterable<number | bigint>): this {
    const inner = new MessageWriter()
    for (const value of values) inner.#varint(value)
    return this.bytes(field, inner.take())
  }

  /** What has been written, valid until the next write; the writer is empty then. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return taken
  }

  #tag(field: number, wire: number): this {
    return this.#varint(field * 8 + wire)
  }

  /** Negative ones in two's complement of 64 bits. */
  #varint(value: number | bigint): this {
    this.#room(10)
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value))
      for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
      this.#bytes[this.#length++] = Number(rest)
      return this
    }
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80
    this.#bytes[this.#length++] = rest
    return this
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** The fields of a message in their order. Byte fields are views of it. Throws `corrupt` for what is no message. */
export function* fieldsOf(message: Buffer): Generator<readonly [field: number, value: FieldValue]> {
  const at = { offset: 0 }
  while (at.offset < message.length) {
    const tag = Number(readVarint(message, at))
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case VARINT:
        yield [field, readVarint(message, at)]
        break
      case BYTES: {
        const length = Number(readVarint(message, at))
        if (length > message.length - at.offset) throw corrupt('a field longer than its message')
        yield [field, message.subarray(at.offset, at.offset + length)]
        at.offset += length
        break
      }
      case I64:
        at.offset += 8
        break
      case I32:
        at.offset += 4
        break
      default:
        throw corrupt('a field of an unknown kind')
    }
  }
}

export function* varintsOf(packed: Buffer): Generator<number | bigint> {
  for (const at = { offset: 0 }; at.offset < packed.length; ) yield readVarint(packed, at)
}

function readVarint(bytes: Buffer, at: { offset: number }): number | bigint {
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[at.offset++]
    if (byte === undefined) break
    const part = byte & 0x7f
    if (shift < 28) low += part * 2 ** shift
    else if (shift === 28) {
      low += (part & 0x0f) * 2 ** 28
      high = part >> 4
    } else high += part * 2 ** (shift - 32)
    if (byte < 0x80) {
      const value = high * WORD + low
      return value <= Number.MAX_SAFE_INTEGER
        ? value
        : BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low))
    }
  }
  throw corrupt('a number without an end')
}

/** A signed number of 64 bits. */
export function signed(value: FieldValue | undefined): number {
  if (value === undefined) return 0
  const number = typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : value
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number
  throw corrupt('a number this client cannot count')
}

function corrupt(what: string): BackendError {
  return new BackendError('corrupt', `not a message: ${what}`)
}
