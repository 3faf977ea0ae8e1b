/** What the inspector asks of the client whose volume it explains: the mount that its thread works for, or this process. */
import type { BlockPlace, SliceId } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { Volume } from './open-volume.ts'

export interface MountCalls {
  locate(slice: SliceId, probe: boolean): Promise<readonly BlockPlace[]>
  /** Bytes of a slice that are here, in a buffer of their own. */
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
    async read(slice, offset, length) {
      const bytes = new Uint8Array(length)
      let at = 0
      for (const piece of await volume.blocks.read(slice, offset, length)) {
        bytes.set(piece, at)
        at += piece.length
      }
      return [bytes]
    },
    async shareSlice(chunk, ...more) {
      const records = await volume.meta.shareSlice(chunk, ...more)
      if (records > 0) volume.vfs.changedElsewhere([{ kind: 'chunk', ino: chunk.ino, index: chunk.index }])
      return records
    },
  }
}
