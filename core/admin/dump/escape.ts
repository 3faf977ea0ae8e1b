/**
 * Bytes in the text of a JSON dump: names, symlink targets and xattr values. Every byte up to the blank, `%`, `"`,
 * `\` and every byte that is not UTF-8 is written `%XX`; the rest is as it is. Source: admin-tools.md §9.1.
 */
import { type Name, nameFromText, nameToBytes } from '#core/base/name.ts'

const PLAIN = /^[\x21\x23\x24\x26-\x5b\x5d-\x7f]*$/
const ASCII = /^[\x20-\x7f]*$/
const ESCAPED = /%([0-9A-Fa-f]{2})/g

export function escapeName(name: Name): string {
  return PLAIN.test(name) ? name : escapeBytes(nameToBytes(name))
}

export function escapeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const plain = buffer.toString('latin1')
  if (PLAIN.test(plain)) return plain
  let text = ''
  for (let at = 0; at < buffer.length; ) {
    const length = characterBytes(buffer, at)
    const byte = buffer[at]!
    if (length === 0 || byte <= 0x20 || byte === 0x22 || byte === 0x25 || byte === 0x5c) {
      text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      at++
    } else {
      text += length === 1 ? String.fromCharCode(byte) : buffer.toString('utf8', at, at + length)
      at += length
    }
  }
  return text
}

/** What is no valid `%XX` stays as it is. */
export function unescapeName(text: string): Name {
  if (!text.includes('%')) return ASCII.test(text) ? text : nameFromText(text)
  return nameFromText(text).replace(ESCAPED, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

export function unescapeBytes(text: string): Buffer {
  return nameToBytes(unescapeName(text))
}

/** Bytes of the UTF-8 character at `at`: 1 to 4, 0 when there is none. Source: RFC 3629 §4. */
function characterBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  for (let k = 1; k < length; k++) {
    const byte = bytes[at + k] ?? 0
    const low = k > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const high = k > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (byte < low || byte > high) return 0
  }
  return length
}
