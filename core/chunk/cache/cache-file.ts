/**
 * What a cached or staged file holds:
 *
 *     raw block (its length is in the name) | CRC-32C of each 32 KiB, big-endian | tier footer
 *
 * The checksums are left out at level `none`; the footer is only in staged files of a tier other than 0.
 * Source: shared/spec/data-path.md §14.2.
 */
import { crc32cPieces } from '#core/base/crc32c.ts'

/** Bytes under one checksum. */
export const PIECE = 32768
const FOOTER_MAGIC = 0x4653
/** MessagePack: the text `tier`, then the mark of a uint8. */
const TIER_KEY = Buffer.from('a474696572cc', 'hex')
const HIGHEST_TIER = 3

export function checksumLength(size: number): number {
  return 4 * Math.ceil(size / PIECE)
}

export function checksums(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(checksumLength(bytes.length))
  crc32cPieces(bytes, PIECE, out)
  return out
}

/** True when `bytes`, which start at a piece border, are what `sums` say from piece `first` on. */
export function checksumsMatch(bytes: Uint8Array, sums: Uint8Array, first: number): boolean {
  const actual = checksums(bytes)
  for (let i = 0; i < actual.length; i++) if (actual[i] !== sums[first * 4 + i]) return false
  return true
}

/** The footer of a staged file; empty for tier 0. Padded so that its length tells whether checksums precede it. */
export function tierFooter(tier: number, withChecksums: boolean): Uint8Array {
  if (tier === 0) return new Uint8Array(0)
  const footer = Buffer.from(
    withChecksums ? '4653001082a474696572cc00a3706164c4020000' : '4653000e82a474696572cc00a3706164c400',
    'hex',
  )
  footer[11] = tier
  return footer
}

export interface FileShape {
  readonly hasChecksums: boolean
  /** Where the footer starts; undefined without one. */
  readonly footerAt: number | undefined
}

/** How a file of `fileSize` bytes is made up when its block has `size`; undefined for one that cannot be. */
export function fileShape(fileSize: number, size: number): FileShape | undefined {
  const extra = fileSize - size
  if (extra < 0) return undefined
  if (extra === 0) return { hasChecksums: false, footerAt: undefined }
  if (extra % 4 !== 0) return { hasChecksums: false, footerAt: size }
  const sums = checksumLength(size)
  if (extra < sums) return undefined
  return { hasChecksums: true, footerAt: extra === sums ? undefined : size + sums }
}

/** The tier that a footer names; 0 for one that is not known; undefined for bytes that are no footer. */
export function footerTier(footer: Uint8Array): number | undefined {
  const bytes = Buffer.from(footer.buffer, footer.byteOffset, footer.length)
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== FOOTER_MAGIC) return undefined
  if (bytes.readUInt16BE(2) !== bytes.length - 4) return undefined
  const at = bytes.indexOf(TIER_KEY)
  const tier = at < 0 ? undefined : bytes[at + TIER_KEY.length]
  return tier === undefined || tier > HIGHEST_TIER ? 0 : tier
}
