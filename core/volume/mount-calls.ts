/** What the inspector asks of the client whose volume it explains: the mount that it works for, or this process. */
import type { BlockPlace, SliceId } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { Volume } from './open-volume.ts'

export interface MountCalls {
  locate(slice: SliceId, probe: boolean): Promise<readonly BlockPlace[]>
  /** As `BlockStore.read`. */
  read(slice: SliceId, offset: number, length: number): Promise<readonly Uint8Array[]>
  /** As `Meta.shareSlice`; open files go on with the records as they are then. */
  readonly shareSlice: Meta['shareSlice']
}

/** A call and its arguments, as a message. */
export interface MountCall {
  readonly name: keyof MountCalls
  readonly args: readonly unknown[]
}

/** The volume may still be opening. */
export function mountCalls(volume: Volume): MountCalls {
  return {
    locate: (slice, probe) => volume.blocks.locate(slice, probe),
    read: (slice, offset, length) => volume.blocks.read(slice, offset, length),
    async shareSlice(chunk, ...more) {
      const records = await volume.meta.shareSlice(chunk, ...more)
      if (records > 0) volume.vfs.changedElsewhere([{ kind: 'chunk', ino: chunk.ino, index: chunk.index }])
      return records
    },
  }
}
