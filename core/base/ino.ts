/**
 * Inode numbers as JS numbers.
 *
 * Stored inodes are u64. Ordinary ones count up from 1; two ranges sit just below 2^63, beyond what a
 * JS number holds exactly: client-local virtual files (0x7FFFFFFF_00000000 up) and the trash
 * (0x7FFFFFFF_10000000 up). In memory their high word 0x7FFFFFFF is carried as 0x1FFFFF, which keeps
 * order and identity below 2^53; `wireHi`/`inoFromWords`/`inoToBigInt` are the only places that know.
 * Any other number at or above 0x1FFFFF_00000000 does not occur in a sane volume and is refused.
 *
 * Source: shared/spec/meta-records.md §1.1.
 */

/** An inode number, `carried` as the file comment says. */
export type Ino = number

const WORD = 2 ** 32
const WIRE_HI = 0x7fffffff
const CARRIED_HI = 0x1fffff

export const ROOT_INO: Ino = 1
/** First client-local virtual inode (0x7FFFFFFF_00000000 on the wire). Never stored. */
export const VIRTUAL_INO: Ino = CARRIED_HI * WORD
/** The trash root (0x7FFFFFFF_10000000 on the wire); its hour directories follow. */
export const TRASH_INO: Ino = CARRIED_HI * WORD + 0x10000000
/** What to add to a carried trash or virtual inode to get the stored one: 0x7FE00000_00000000. */
export const WIRE_OFFSET: bigint = BigInt(WIRE_HI - CARRIED_HI) << 32n

/** The trash root or an hour directory in it. */
export function isTrash(ino: Ino): boolean {
  return ino >= TRASH_INO
}

/** A client-local file such as `.stats`; the trash is not one. */
export function isVirtual(ino: Ino): boolean {
  return ino >= VIRTUAL_INO && ino < TRASH_INO
}

/** High 32 bits of the stored form. */
export function wireHi(ino: Ino): number {
  const hi = Math.floor(ino / WORD)
  return hi === CARRIED_HI ? WIRE_HI : hi
}

/** Low 32 bits of the stored form (the same in memory). */
export function wireLo(ino: Ino): number {
  return ino % WORD
}

/** From the two words of the stored form. Returns NaN for a number no volume can hold. */
export function inoFromWords(hi: number, lo: number): Ino {
  if (hi < CARRIED_HI) return hi * WORD + lo
  return hi === WIRE_HI ? CARRIED_HI * WORD + lo : Number.NaN
}

/** The stored number, for drivers that bind 64-bit integers and for printing. */
export function inoToBigInt(ino: Ino): bigint {
  return ino >= VIRTUAL_INO ? BigInt(ino) + WIRE_OFFSET : BigInt(ino)
}

/** From the stored number. Returns NaN for a number no volume can hold. */
export function inoFromBigInt(stored: bigint): Ino {
  return inoFromWords(Number(stored >> 32n), Number(stored & 0xffffffffn))
}

/** Decimal text of the stored number, as in trash names, keys and messages. */
export function inoText(ino: Ino): string {
  return ino >= VIRTUAL_INO ? inoToBigInt(ino).toString() : String(ino)
}
