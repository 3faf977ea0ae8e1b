/** Values as they travel: parameters to the server, columns back. Text form, bytes in hexadecimal. */
import { BackendError } from '#core/base/errno.ts'
import type { SqlValue } from '../sql/dialect.ts'

/** Makes a column's text a value. */
export type Decoder = (text: string) => unknown

/** What the driver sends: text as text, a Buffer as bytes. */
export type WireValue = string | Buffer

/** Type numbers of pg_type. */
const BOOL = 16
const BYTEA = 17
const INT8 = 20
const INT2 = 21
const INT4 = 23

export function decoderOf(type: number, wide: boolean): Decoder {
  switch (type) {
    case INT2:
    case INT4:
    case INT8:
      return wide ? BigInt : Number
    case BYTEA:
      return bytes
    case BOOL:
      return (text) => text === 't'
    default:
      return (text) => text
  }
}

function bytes(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  throw new BackendError(
    'invalid',
    'the server sends bytes in the old escape form; set bytea_output to hex for this database',
  )
}

export function toWire(value: SqlValue): WireValue {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array)
    return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return String(value)
}
