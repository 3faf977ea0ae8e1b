/**
 * A folder of a volume as a tar archive, a piece at a time: made as it is taken, and given up when nobody asks for the
 * next piece for a while. A file that becomes shorter while it is read ends the archive with an error.
 */
import { walk } from '#core/admin/walk.ts'
import { rootContext } from '#core/base/context.ts'
import { EBUSY, EIO, ENOENT, ENOTDIR, FsError, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { type Name, nameFromBytes } from '#core/base/name.ts'
import {
  type NodeRecord,
  TYPE_BLOCK,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '#core/meta/records.ts'
import { readFileParts } from './files.ts'
import type { Volume } from './open-volume.ts'
import { padding, TAR_END, type TarType, tarHeader } from './tar-header.ts'

const SILENT_MS = 120_000
const MOST = 16
const PIECE = 2 ** 20
const ZEROS = new Uint8Array(PIECE)

/** Sockets have no place in an archive. */
const TYPES: Readonly<Record<number, TarType>> = {
  [TYPE_FILE]: '0',
  [TYPE_SYMLINK]: '2',
  [TYPE_CHAR]: '3',
  [TYPE_BLOCK]: '4',
  [TYPE_DIRECTORY]: '5',
  [TYPE_FIFO]: '6',
}

interface Archive {
  readonly stop: AbortController
  readonly pieces: AsyncGenerator<Uint8Array>
  readonly silence: NodeJS.Timeout
}

/** Those being taken, by key. */
export class Archives {
  readonly #volume: Volume
  readonly #open = new Map<string, Archive>()
  #count = 0

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** `name` is the folder's in the archive. */
  begin(folder: Ino, node: NodeRecord, name: Name): string {
    if (node.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, 'archive')
    if (this.#open.size >= MOST) throw fail(EBUSY, 'archive', `${MOST} folders are being downloaded already`)
    const key = String(++this.#count)
    const stop = new AbortController()
    const pieces = joined(tarOf(this.#volume, folder, name, stop.signal))
    const silence = setTimeout(() => this.end(key), SILENT_MS).unref()
    this.#open.set(key, { stop, pieces, silence })
    return key
  }

  /** Undefined at the end, or when it was given up. */
  async next(key: string): Promise<Uint8Array | undefined> {
    const archive = this.#get(key)
    archive.silence.refresh()
    try {
      const { value, done } = await archive.pieces.next()
      if (!done) return value
    } catch (error) {
      this.end(key)
      throw error
    }
    this.end(key)
    return undefined
  }

  /** Errors: ENOENT when it was given up. */
  keep(key: string): void {
    this.#get(key).silence.refresh()
  }

  end(key: string): void {
    const archive = this.#open.get(key)
    clearTimeout(archive?.silence)
    this.#open.delete(key)
    archive?.stop.abort(new DOMException('the download was given up', 'AbortError'))
  }

  #get(key: string): Archive {
    const archive = this.#open.get(key)
    if (archive === undefined) throw fail(ENOENT, 'archive', 'it was given up')
    return archive
  }
}

/** Everything in a folder, and it. What vanishes on the way is left out. */
export async function* tarOf(
  volume: Volume,
  folder: Ino,
  name: Name,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const ctx = rootContext(signal)
  yield* entry(volume, folder, name, signal)
  const above: Name[] = [name]
  for await (const at of walk(volume.meta, ctx, folder, '', { signal })) {
    above.length = at.depth
    above.push(at.name)
    if (at.node !== null) yield* entry(volume, at.ino, above.join('/'), signal)
  }
  yield TAR_END
}

async function* entry(volume: Volume, ino: Ino, path: Name, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { vfs } = volume
  const ctx = rootContext(signal)
  const node = await vfs.getattr(ctx, ino).catch((error: unknown) => {
    if (error instanceof FsError && error.errno === ENOENT) return undefined
    throw error
  })
  const type = node === undefined ? undefined : TYPES[node.type]
  if (node === undefined || type === undefined) return
  const { mode, uid, gid, mtime, mtimeNsec, rdev } = node
  yield tarHeader({
    path: type === '5' ? `${path}/` : path,
    type,
    size: type === '0' ? node.length : 0,
    ...{ mode, uid, gid, mtime, mtimeNsec },
    ...(type === '2' && { target: nameFromBytes(await vfs.readlink(ctx, ino)) }),
    ...((type === '3' || type === '4') && { device: deviceOf(rdev) }),
  })
  if (type === '0') yield* content(volume, ino, node.length, signal)
}

/** Exactly `size` bytes and their padding: what has grown meanwhile is cut, holes are zeros. */
async function* content(volume: Volume, ino: Ino, size: number, signal: AbortSignal) {
  let at = 0
  for await (const { offset, bytes } of readFileParts(volume, ino, signal)) {
    if (offset >= size) break
    yield* zeros(offset - at)
    const part = bytes.subarray(0, size - offset)
    yield part
    at = offset + part.length
  }
  const { length } = await volume.vfs.getattr(rootContext(signal), ino)
  if (length < size) throw fail(EIO, 'archive', 'a file became shorter while it was read')
  yield* zeros(size - at)
  yield padding(size)
}

function* zeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= PIECE) yield ZEROS.subarray(0, Math.min(left, PIECE))
}

/** Source: linux/kdev_t.h, new_decode_dev. */
function deviceOf(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) }
}

/** Pieces of about a MiB: an entry a round trip would be slow. */
async function* joined(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (const part of parts) {
    held.push(part)
    size += part.length
    if (size < PIECE) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(held)
}
