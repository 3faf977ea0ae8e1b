/**
 * File names, xattr names and symlink targets are bytes, not text. In memory they are *byte strings*: JS
 * strings whose every character is one byte (U+0000 to U+00FF, "latin1"), so that they compare, sort
 * (bytewise) and key a Map cheaply and any byte sequence survives.
 */

/** A byte string. Make one only with the functions below. */
export type Name = string

export function nameFromBytes(bytes: Uint8Array): Name {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function nameToBytes(name: Name): Buffer {
  return Buffer.from(name, 'latin1')
}

/** From ordinary text: its UTF-8 bytes. */
export function nameFromText(text: string): Name {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** For people: UTF-8 where the bytes are, each other byte as U+FFFD. Not reversible. */
export function nameToText(name: Name): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}
