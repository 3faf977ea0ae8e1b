/**
 * Names in JSON, exactly: UTF-8 as text, and each byte that is none as one of the lone surrogates U+DC80 to U+DCFF,
 * which no UTF-8 gives. (The way of Python's `surrogateescape`, PEP 383.)
 */
import { type Name, nameFromText } from './name.ts'

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function exactText(name: Name): string {
  const bytes = Buffer.from(name, 'latin1')
  try {
    return STRICT.decode(bytes)
  } catch {
    return escaped(bytes)
  }
}

export function nameFromExact(text: string): Name {
  if (text.isWellFormed()) return nameFromText(text)
  let name = ''
  for (const part of text.split(/([\udc80-\udcff])/)) {
    const code = part.charCodeAt(0)
    name +=
      part.length === 1 && code >= 0xdc80 && code <= 0xdcff
        ? String.fromCharCode(code - 0xdc00)
        : nameFromText(part)
  }
  return name
}

/** The longest valid sequence at each place; a byte that begins none is escaped. */
function escaped(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceAt(bytes, at)
    text += size === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + size)
    at += Math.max(1, size)
  }
  return text
}

function sequenceAt(bytes: Buffer, at: number): number {
  for (let size = 1; size <= 4 && at + size <= bytes.length; size++) {
    try {
      STRICT.decode(bytes.subarray(at, at + size))
      return size
    } catch {}
  }
  return 0
}
