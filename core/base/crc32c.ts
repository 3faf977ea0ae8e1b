/**
 * CRC-32C (Castagnoli), by the add-on `build/crc32c.node` (10 GB/s and more) or, where that is not built, by a
 * table in JS (about 0.4 GB/s).
 * Source: shared/spec/volume-and-objects.md §6; pieces: data-path.md §14.
 */
import { createRequire } from 'node:module'

interface Crc32c {
  crc32c(bytes: Uint8Array, seed: number): number
  crc32cPieces(bytes: Uint8Array, pieceSize: number, out: Uint8Array): void
}

const implementation = loadNative() ?? byTable()

/** True when the add-on does the work. */
export const crc32cIsNative = implementation.native

/** Unsigned CRC-32C of `bytes`, continuing from `seed`, the CRC of what came before. */
export const crc32c: (bytes: Uint8Array, seed?: number) => number = (bytes, seed = 0) =>
  implementation.crc32c(bytes, seed)

/**
 * The CRC of each piece of `pieceSize` bytes (the last may be shorter), big-endian, four bytes each, into `out`.
 * Throws RangeError when `out` is too small.
 */
export const crc32cPieces = implementation.crc32cPieces

function loadNative(): (Crc32c & { native: true }) | undefined {
  try {
    const addon = createRequire(import.meta.url)('../../build/crc32c.node') as Crc32c
    return { native: true, crc32c: addon.crc32c, crc32cPieces: addon.crc32cPieces }
  } catch {
    return undefined
  }
}

/** The same in JS; exported so that the tests can hold the two against each other. */
export function byTable(): Crc32c & { native: false } {
  const table = new Uint32Array(256)
  for (let v = 0; v < 256; v++) {
    let crc = v
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
    table[v] = crc
  }
  const update = (bytes: Uint8Array, start: number, end: number, seed: number): number => {
    let crc = ~seed
    for (let i = start; i < end; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 255]!
    return ~crc >>> 0
  }
  return {
    native: false,
    crc32c: (bytes, seed) => update(bytes, 0, bytes.length, seed),
    crc32cPieces(bytes, pieceSize, out) {
      if (!(pieceSize > 0)) throw new RangeError('crc32cPieces: no piece size')
      const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
      for (let start = 0, at = 0; start < bytes.length; start += pieceSize, at += 4) {
        view.setUint32(at, update(bytes, start, Math.min(start + pieceSize, bytes.length), 0))
      }
    },
  }
}
