/** What the inspector works on. */
import type { AdminParts } from '#core/admin/parts.ts'
import type { BlockStore, HeldBlock } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { VolumeIndex } from './volume-index.ts'

/** What a client says of the blocks it holds. */
export interface ClientBlocks extends Pick<BlockStore, 'locate'> {
  held(): Iterable<HeldBlock> | AsyncIterable<HeldBlock>
}

/** A volume's metadata and bucket with its index. Questions need no more of a client than to say what it holds. */
export interface IndexedVolume
  extends Pick<AdminParts, 'setting' | 'engine' | 'store' | 'geometry' | 'clock'> {
  readonly index: VolumeIndex
  /** Of the client whose places answers speak of; it may be in another thread. */
  readonly blocks: ClientBlocks
  readonly meta: Pick<Meta, 'sid'>
}
