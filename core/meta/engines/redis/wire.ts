/**
 * Commands as bytes: each encoded once, into one buffer, from byte strings and bytes. A commit of 40 words takes some
 * microseconds.
 */

export type Word = string | Uint8Array

/** Texts up to this length are copied by a loop, which is faster than a call out of JavaScript. */
const SHORT = 24
/** Commands are encoded one behind the other into slabs of this size, which live as long as one of them is unsent. */
const SLAB_BYTES = 64 * 1024
/** Less room than this is not worth beginning in. */
const LEAST_ROOM = 2048
/** Room for the count of words before them, and for the length before a word. */
const HEAD = 16

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
let start = 0
let end = 0
let words = 0

/** The bytes of a command. Strings are byte strings (base/name.ts). @hot */
export function encodeCommand(...parts: readonly (Word | readonly Word[])[]): Buffer {
  if (slab.length - start < LEAST_ROOM || slab.length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    start = 0
  }
  end = start + HEAD
  words = 0
  for (let k = 0; k < parts.length; k++) {
    const part = parts[k]!
    if (typeof part === 'string') putText(part)
    else if (part instanceof Uint8Array) putBytes(part)
    else for (let j = 0; j < part.length; j++) putWord(part[j]!)
  }
  const count = `*${words}\r\n`
  const first = start + HEAD - count.length
  for (let k = 0; k < count.length; k++) slab[first + k] = count.charCodeAt(k)
  start = end
  return slab.subarray(first, end)
}

function putWord(word: Word): void {
  if (typeof word === 'string') putText(word)
  else putBytes(word)
}

function putText(text: string): void {
  const { length } = text
  putLength(length)
  if (length <= SHORT) for (let k = 0; k < length; k++) slab[end + k] = text.charCodeAt(k)
  else slab.write(text, end, 'latin1')
  end += length
  putLineEnd()
}

function putBytes(bytes: Uint8Array): void {
  putLength(bytes.length)
  slab.set(bytes, end)
  end += bytes.length
  putLineEnd()
}

function putLength(length: number): void {
  if (end + length + HEAD > slab.length) grow(length)
  words++
  slab[end++] = 0x24 // $
  if (length < 10) slab[end++] = 0x30 + length
  else if (length < 100) {
    slab[end++] = 0x30 + Math.floor(length / 10)
    slab[end++] = 0x30 + (length % 10)
  } else end += slab.write(String(length), end, 'latin1')
  putLineEnd()
}

function putLineEnd(): void {
  slab[end++] = 0x0d
  slab[end++] = 0x0a
}

function grow(length: number): void {
  const written = end - start
  const larger = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + length + HEAD)))
  slab.copy(larger, 0, start, end)
  slab = larger
  start = 0
  end = written
}
