/**
 * Which cached records a key stands for. Read byte by byte: an invalidation brings every key that anybody wrote on the
 * server. Source: shared/spec/meta-redis.md §2, with its warning about shared first letters.
 */
import { type Ino, inoFromBigInt } from '#core/base/ino.ts'
import type { ChangedScope } from '#core/meta/engine.ts'

const [ZERO, NINE, UNDERSCORE] = [0x30, 0x39, 0x5f]
const LETTER = { c: 0x63, d: 0x64, i: 0x69, s: 0x73, x: 0x78 } as const
const SETTING = Buffer.from('setting')
/** So many digits fit a number exactly; the trash, with 19, is carried otherwise. */
const EXACT_DIGITS = 15

/** Undefined for keys of nothing that is cached, and of other applications. @hot */
export function scopeOf(key: Uint8Array, prefix: Uint8Array): ChangedScope | undefined {
  const at = prefix.length
  for (let k = 0; k < at; k++) if (key[k] !== prefix[k]) return undefined
  let end = at + 1
  while (end < key.length && isDigit(key[end]!)) end++
  if (end === at + 1) return isSetting(key, at) ? { kind: 'setting' } : undefined
  const letter = key[at]
  if (letter === LETTER.c) return chunkOf(key, at + 1, end)
  if (end !== key.length) return undefined
  const ino = number(key, at + 1, end)
  if (Number.isNaN(ino)) return undefined
  switch (letter) {
    case LETTER.i:
      return { kind: 'node', ino }
    case LETTER.d:
      return { kind: 'entries', parent: ino }
    case LETTER.x:
      return { kind: 'xattrs', ino }
    case LETTER.s:
      return { kind: 'symlink', ino }
    default:
      return undefined
  }
}

/** Whether `scopeOf` has something for the key, which is one of our own. @hot */
export function hasScope(key: string, prefixLength: number): boolean {
  const second = key.charCodeAt(prefixLength + 1)
  if (!isDigit(second)) return key.length === prefixLength + 7 && key.endsWith('setting')
  const letter = key.charCodeAt(prefixLength)
  return (
    letter === LETTER.i ||
    letter === LETTER.d ||
    letter === LETTER.c ||
    letter === LETTER.x ||
    letter === LETTER.s
  )
}

/** Whether the key holds a node or entries: a commit that may write such a key surely does when it is applied. */
export function isCertain(key: string, prefixLength: number): boolean {
  const letter = key.charCodeAt(prefixLength)
  return letter === LETTER.i || letter === LETTER.d
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function isSetting(key: Uint8Array, at: number): boolean {
  return key.length === at + SETTING.length && SETTING.every((byte, k) => key[at + k] === byte)
}

function chunkOf(key: Uint8Array, from: number, end: number): ChangedScope | undefined {
  if (key[end] !== UNDERSCORE || end + 1 === key.length) return undefined
  for (let k = end + 1; k < key.length; k++) if (!isDigit(key[k]!)) return undefined
  const ino = number(key, from, end)
  if (Number.isNaN(ino)) return undefined
  return { kind: 'chunk', ino, index: number(key, end + 1, key.length) }
}

/** NaN for a number no volume can hold. */
function number(key: Uint8Array, from: number, to: number): Ino {
  if (to - from > EXACT_DIGITS) return large(key, from, to)
  let value = 0
  for (let k = from; k < to; k++) value = value * 10 + key[k]! - ZERO
  return value
}

function large(key: Uint8Array, from: number, to: number): Ino {
  if (to - from > 19) return Number.NaN
  return inoFromBigInt(BigInt(Buffer.from(key.buffer, key.byteOffset + from, to - from).toString('latin1')))
}
