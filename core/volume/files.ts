/** Whole files of an opened volume, streamed: for tools and users of the library. */
import { read } from 'node:fs'
import { promisify } from 'node:util'
import { rootContext } from '#core/base/context.ts'
import { ENXIO, FsError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from '#core/base/open-flags.ts'
import type { Found } from '#core/meta/api.ts'
import type { ReadResult } from '#core/vfs/vfs.ts'
import type { Volume } from './open-volume.ts'

const READ_SIZE = 2 ** 20
const WRITE_SIZE = 2 ** 20
const SEEK_DATA = 3
const SEEK_HOLE = 4

/** Bytes at their place in a file; between two of them it reads as zeros. */
export interface FilePart {
  readonly offset: number
  readonly bytes: Uint8Array
}

const readDescriptor = promisify(read)

/** The data of a file in order, holes left out. */
export async function* readFileParts(
  volume: Volume,
  ino: Ino,
  signal?: AbortSignal,
): AsyncGenerator<FilePart> {
  const { vfs } = volume
  const ctx = rootContext(signal)
  const { fh, node } = await vfs.open(ctx, ino, O_RDONLY)
  try {
    for (let at = 0; at < node.length; ) {
      const start = await seek(volume, fh, at, SEEK_DATA, signal)
      if (start === undefined) return
      const end = (await seek(volume, fh, start, SEEK_HOLE, signal)) ?? node.length
      for (at = start; at < end; ) {
        signal?.throwIfAborted()
        const parts = await bytesOf(await vfs.read(ctx, fh, at, Math.min(READ_SIZE, end - at)))
        for (const bytes of parts) {
          yield { offset: at, bytes }
          at += bytes.length
        }
        if (parts.length === 0) return
      }
    }
  } finally {
    await vfs.release(fh)
  }
}

/** Undefined past the last data. */
async function seek(
  { vfs }: Volume,
  fh: number,
  at: number,
  whence: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    return await vfs.lseek(rootContext(signal), fh, at, whence)
  } catch (error) {
    if (error instanceof FsError && error.errno === ENXIO) return undefined
    throw error
  }
}

export async function bytesOf(result: ReadResult): Promise<readonly Uint8Array[]> {
  if (result.kind === 'bytes') return result.parts
  try {
    const buffer = Buffer.allocUnsafe(result.length)
    let done = 0
    while (done < result.length) {
      const { bytesRead } = await readDescriptor(
        result.fd,
        buffer,
        done,
        result.length - done,
        result.offset + done,
      )
      if (bytesRead === 0) break
      done += bytesRead
    }
    return [buffer.subarray(0, done)]
  } finally {
    result.done()
  }
}

export interface NewFile {
  readonly parent: Ino
  readonly name: Name
  readonly mode: number
  /** Length when it ends in a hole; else where the last part ends. */
  readonly length?: number
}

/**
 * Make a file that must not exist, with the given parts in rising order. It is stored when this resolves; when it
 * rejects nothing is left of it. EEXIST when there is one.
 */
export async function writeNewFile(
  volume: Volume,
  { parent, name, mode, length }: NewFile,
  parts: AsyncIterable<FilePart>,
  signal?: AbortSignal,
): Promise<Found> {
  const { vfs } = volume
  const ctx = rootContext(signal)
  const { fh, ino } = await vfs.create(ctx, parent, name, mode, O_WRONLY | O_CREAT | O_EXCL)
  try {
    try {
      let end = 0
      for await (const { offset, bytes } of parts) {
        signal?.throwIfAborted()
        for (let at = 0; at < bytes.length; at += WRITE_SIZE) {
          const piece = bytes.subarray(at, at + WRITE_SIZE)
          await writeAll(volume, fh, offset + at, piece, signal)
        }
        end = offset + bytes.length
      }
      if (length !== undefined && length > end) await vfs.setattr(ctx, ino, { size: length }, fh)
      await vfs.flush(ctx, fh)
    } finally {
      await vfs.release(fh)
    }
  } catch (error) {
    await vfs.unlink(rootContext(), parent, name, { skipTrash: true }).catch(() => {})
    throw error
  }
  return { ino, node: await vfs.getattr(ctx, ino) }
}

async function writeAll(
  { vfs }: Volume,
  fh: number,
  offset: number,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += await vfs.write(rootContext(signal), fh, offset + done, bytes.subarray(done))
  }
}
