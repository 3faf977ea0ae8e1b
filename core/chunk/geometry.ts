/**
 * How a slice is cut into blocks and what the blocks are called.
 * Source: shared/spec/volume-and-objects.md §3.2, §3.4.
 */
import { BackendError } from '#core/base/errno.ts'

export const CHUNK_SIZE = 2 ** 26

const KIBI = 1024
/** Blocks of a slice, at most: 64 MiB in blocks of 64 KiB. */
const MAX_BLOCKS = CHUNK_SIZE / (64 * KIBI)
/** Above it a block's number would not be exact; a volume hands out 4096 ids at a time, from 1. */
const MAX_SLICE_ID = Math.floor(Number.MAX_SAFE_INTEGER / MAX_BLOCKS)

/** One number for a block, for maps: slice id × 1024 + index. */
export type BlockId = number

export function blockId(slice: number, index: number): BlockId {
  return slice * MAX_BLOCKS + index
}

/** The slice and the index of a block's number. */
export function blockOfId(id: BlockId): { readonly slice: number; readonly index: number } {
  return { slice: Math.floor(id / MAX_BLOCKS), index: id % MAX_BLOCKS }
}

/** Errors: BackendError `invalid` for an id that no record holds (0 is zeros and has no blocks). */
export function checkSliceId(id: number): void {
  if (!(id > 0 && id <= MAX_SLICE_ID)) throw new BackendError('invalid', `slice id ${id}`)
}

/** A block as its key names it. */
export interface BlockName {
  readonly slice: number
  readonly index: number
  /** Bytes of the block, uncompressed; shorter than the block size only for the last of a slice. */
  readonly size: number
}

export class Geometry {
  readonly blockSize: number
  readonly hashPrefix: boolean

  constructor(blockSize: number, hashPrefix: boolean) {
    this.blockSize = blockSize
    this.hashPrefix = hashPrefix
  }

  /** Number of blocks of a slice of `length` bytes. */
  count(length: number): number {
    return Math.ceil(length / this.blockSize)
  }

  /** Bytes of block `index` of a slice of `length` bytes. */
  size(length: number, index: number): number {
    return Math.min(this.blockSize, length - index * this.blockSize)
  }

  /** Object key of a block of `size` bytes, the volume's prefix left out. */
  key(slice: number, index: number, size: number): string {
    const million = Math.floor(slice / 1e6)
    if (!this.hashPrefix) return `chunks/${million}/${Math.floor(slice / 1000)}/${slice}_${index}_${size}`
    const hash = (slice % 256).toString(16).toUpperCase().padStart(2, '0')
    return `chunks/${hash}/${million}/${slice}_${index}_${size}`
  }

  /** Undefined for a key that this volume would never use. */
  parse(key: string): BlockName | undefined {
    const match = /^chunks\/[^/]+\/[^/]+\/(\d+)_(\d+)_(\d+)$/.exec(key)
    if (match === null) return undefined
    const [slice, index, size] = [Number(match[1]), Number(match[2]), Number(match[3])]
    if (!(slice > 0 && slice <= MAX_SLICE_ID) || !(size >= 1 && size <= this.blockSize)) return undefined
    if (index * this.blockSize + size > CHUNK_SIZE || key !== this.key(slice, index, size)) return undefined
    return { slice, index, size }
  }
}
