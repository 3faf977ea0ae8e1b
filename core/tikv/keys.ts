/**
 * Keys, and their order-preserving form in which PD knows the boundaries of regions: groups of 8 bytes, the last zero
 * padded, each followed by 0xff minus the number of padding bytes. Stores take keys as they are.
 *
 * Source: shared/spec/meta-sql-and-tkv.md §B4.
 */
import { BackendError } from '#core/base/errno.ts'

/** A byte string: each character is one byte ("latin1"), so that keys compare bytewise and key a Map. */
export type Key = string

const GROUP = 8

export function keyToBytes(key: Key): Buffer {
  return Buffer.from(key, 'latin1')
}

export function keyFromBytes(bytes: Buffer): Key {
  return bytes.toString('latin1')
}

export function encodeKey(key: Key): Buffer {
  const groups = Math.floor(key.length / GROUP) + 1
  const out = Buffer.alloc(groups * (GROUP + 1))
  for (let g = 0; g < groups; g++) {
    const part = key.slice(g * GROUP, (g + 1) * GROUP)
    out.write(part, g * (GROUP + 1), 'latin1')
    out[g * (GROUP + 1) + GROUP] = 0xff - (GROUP - part.length)
  }
  return out
}

/** Throws `corrupt` for what is no encoded key. Empty stays empty: the open end of the key space. */
export function decodeKey(bytes: Buffer): Key {
  if (bytes.length === 0) return ''
  let key = ''
  for (let at = 0; ; at += GROUP + 1) {
    const length = GROUP - (0xff - (bytes[at + GROUP] ?? 0))
    if (length < 0 || length > GROUP) break
    key += bytes.toString('latin1', at, at + length)
    if (length < GROUP) return key
  }
  throw new BackendError('corrupt', 'PD told a region boundary that is not in the form of API V1')
}
