/** The two sides of `cp`: a local folder and a volume, with the same few operations. Names are byte strings. */
import {
  chmod,
  lchown,
  lstat,
  lutimes,
  mkdir,
  open,
  opendir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { resolveName, tryResolve } from '#core/admin/paths.ts'
import { entriesOf } from '#core/admin/walk.ts'
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { type Name, nameFromText, nameToBytes, nameToText } from '#core/base/name.ts'
import { secureBytes } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import { type NodeRecord, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '#core/meta/records.ts'
import { type FilePart, readFileParts, writeNewFile } from '#core/volume/files.ts'
import type { Volume } from '#core/volume/open-volume.ts'

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds with a fraction. */
  readonly atime: number
  readonly mtime: number
}

/** A path on one side, as a byte string with `/` between its parts. */
export type SidePath = Name

export interface CopySide {
  /** For messages. */
  show(path: SidePath): string
  /** Undefined when there is nothing. */
  stat(path: SidePath, follow: boolean): Promise<FileStat | undefined>
  list(path: SidePath): AsyncIterable<Name>
  readlink(path: SidePath): Promise<Name>
  read(path: SidePath): AsyncIterable<FilePart>
  mkdir(path: SidePath): Promise<void>
  symlink(path: SidePath, target: Name): Promise<void>
  /** Appears at `path` only when complete, in place of what was there. */
  write(path: SidePath, parts: AsyncIterable<FilePart>, length: number, mode: number): Promise<void>
  /** Owner, mode and times. */
  preserve(path: SidePath, stat: FileStat): Promise<void>
}

/** A name that nobody uses, beside the one a copy will get. */
function partName(): Name {
  return `.pomelo-${secureBytes(6).toString('hex')}.part`
}

function splitLast(path: SidePath): readonly [SidePath, Name] {
  const at = path.lastIndexOf('/')
  return [path.slice(0, at) || (at === 0 ? '/' : '.'), path.slice(at + 1)]
}

export function joinPath(folder: SidePath, name: Name): SidePath {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

const ZEROS = Buffer.alloc(2 ** 20)

/** Holes of a local file read as zeros; they become holes again. */
function isZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.equals(ZEROS.subarray(0, bytes.length))
}

export class LocalSide implements CopySide {
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  show(path: SidePath): string {
    return nameToText(path)
  }

  async stat(path: SidePath, follow: boolean): Promise<FileStat | undefined> {
    try {
      const found = await (follow ? stat : lstat)(nameToBytes(path))
      const kind = found.isFile()
        ? 'file'
        : found.isDirectory()
          ? 'directory'
          : found.isSymbolicLink()
            ? 'symlink'
            : 'other'
      const { size, mode, uid, gid, atimeMs, mtimeMs } = found
      return { kind, size, mode: mode & 0o7777, uid, gid, atime: atimeMs / 1000, mtime: mtimeMs / 1000 }
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }

  async *list(path: SidePath): AsyncGenerator<Name> {
    // Typed for text only; buffers keep names that are not UTF-8.
    const options = { encoding: 'buffer' as BufferEncoding }
    for await (const { name } of await opendir(nameToBytes(path), options)) {
      yield Buffer.from(name as unknown as Buffer).toString('latin1')
    }
  }

  async readlink(path: SidePath): Promise<Name> {
    return (await readlink(nameToBytes(path), { encoding: 'buffer' })).toString('latin1')
  }

  async *read(path: SidePath): AsyncGenerator<FilePart> {
    const file = await open(nameToBytes(path), 'r')
    try {
      const buffer = Buffer.allocUnsafe(ZEROS.length)
      for (let offset = 0; ; ) {
        this.#signal.throwIfAborted()
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
        if (bytesRead === 0) return
        const bytes = buffer.subarray(0, bytesRead)
        if (!isZero(bytes)) yield { offset, bytes }
        offset += bytesRead
      }
    } finally {
      await file.close()
    }
  }

  async mkdir(path: SidePath): Promise<void> {
    await mkdir(nameToBytes(path))
  }

  async symlink(path: SidePath, target: Name): Promise<void> {
    await this.#replace(path, (part) => symlink(nameToBytes(target), nameToBytes(part)))
  }

  async write(path: SidePath, parts: AsyncIterable<FilePart>, length: number, mode: number): Promise<void> {
    await this.#replace(path, async (part) => {
      const file = await open(nameToBytes(part), 'wx', mode & 0o777)
      try {
        for await (const { offset, bytes } of parts) {
          for (let done = 0; done < bytes.length; ) {
            done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
          }
        }
        await file.truncate(length)
      } finally {
        await file.close()
      }
    })
  }

  async #replace(path: SidePath, make: (part: SidePath) => Promise<void>): Promise<void> {
    const part = joinPath(splitLast(path)[0], partName())
    try {
      await make(part)
      await rename(nameToBytes(part), nameToBytes(path))
    } catch (error) {
      await rm(nameToBytes(part), { force: true })
      throw error
    }
  }

  async preserve(path: SidePath, { kind, mode, uid, gid, atime, mtime }: FileStat): Promise<void> {
    const bytes = nameToBytes(path)
    if (process.getuid?.() === 0) await lchown(bytes, uid, gid)
    if (kind !== 'symlink') await chmod(bytes, mode)
    await lutimes(bytes, atime, mtime)
  }
}

export class VolumeSide implements CopySide {
  readonly #volume: Volume
  readonly #signal: AbortSignal
  /** Directories by path: resolved once. */
  readonly #directories = new Map<SidePath, Ino>()

  constructor(volume: Volume, signal: AbortSignal) {
    this.#volume = volume
    this.#signal = signal
  }

  show(path: SidePath): string {
    return `${this.#volume.setting.Name}:${nameToText(path)}`
  }

  async stat(path: SidePath, follow: boolean): Promise<FileStat | undefined> {
    const place = await tryResolve(this.#volume.meta, this.#ctx, path, { follow })
    return place === undefined ? undefined : statOf(place.node)
  }

  async *list(path: SidePath): AsyncGenerator<Name> {
    const ino = await this.#directory(path)
    for await (const { name } of entriesOf(this.#volume.meta, this.#ctx, ino, this.#signal)) yield name
  }

  async readlink(path: SidePath): Promise<Name> {
    const { ino } = await this.#find(path)
    return Buffer.from(await this.#volume.meta.readlink(this.#ctx, ino)).toString('latin1')
  }

  async *read(path: SidePath): AsyncGenerator<FilePart> {
    const { ino } = await this.#find(path)
    yield* readFileParts(this.#volume, ino, this.#signal)
  }

  async mkdir(path: SidePath): Promise<void> {
    const [folder, name] = splitLast(path)
    await this.#volume.vfs.mknod(this.#ctx, await this.#directory(folder), name, {
      type: TYPE_DIRECTORY,
      mode: 0o755,
    })
  }

  async symlink(path: SidePath, target: Name): Promise<void> {
    await this.#replace(path, async (parent, name) => {
      await this.#volume.vfs.mknod(this.#ctx, parent, name, {
        type: TYPE_SYMLINK,
        mode: 0o777,
        target: nameToBytes(target),
      })
    })
  }

  async write(path: SidePath, parts: AsyncIterable<FilePart>, length: number, mode: number): Promise<void> {
    await this.#replace(path, async (parent, name) => {
      await writeNewFile(this.#volume, { parent, name, mode: mode & 0o777, length }, parts, this.#signal)
    })
  }

  async #replace(path: SidePath, make: (parent: Ino, part: Name) => Promise<void>): Promise<void> {
    const { vfs } = this.#volume
    const [folder, name] = splitLast(path)
    const parent = await this.#directory(folder)
    const part = partName()
    await make(parent, part)
    try {
      await vfs.rename(this.#ctx, parent, part, parent, name, 0)
    } catch (error) {
      await vfs.unlink(rootContext(), parent, part, { skipTrash: true }).catch(() => {})
      throw error
    }
  }

  async preserve(path: SidePath, { mode, uid, gid, atime, mtime, kind }: FileStat): Promise<void> {
    const { ino } = await this.#find(path)
    const times = { atime: timeOf(atime), mtime: timeOf(mtime) }
    await this.#volume.vfs.setattr(this.#ctx, ino, {
      uid,
      gid,
      ...times,
      ...(kind !== 'symlink' && { mode }),
    })
  }

  get #ctx() {
    return rootContext(this.#signal)
  }

  #find(path: SidePath) {
    return resolveName(this.#volume.meta, this.#ctx, path, { follow: false })
  }

  async #directory(path: SidePath): Promise<Ino> {
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const { ino, node } = await resolveName(this.#volume.meta, this.#ctx, path)
    if (node.type !== TYPE_DIRECTORY) throw new Refusal(`${this.show(path)} is not a directory`)
    if (this.#directories.size > 10_000) this.#directories.clear()
    this.#directories.set(path, ino)
    return ino
  }
}

function statOf({ type, length, mode, uid, gid, atime, atimeNsec, mtime, mtimeNsec }: NodeRecord): FileStat {
  const kind =
    type === TYPE_FILE
      ? 'file'
      : type === TYPE_DIRECTORY
        ? 'directory'
        : type === TYPE_SYMLINK
          ? 'symlink'
          : 'other'
  return {
    kind,
    size: length,
    mode,
    uid,
    gid,
    atime: atime + atimeNsec / 1e9,
    mtime: mtime + mtimeNsec / 1e9,
  }
}

function timeOf(seconds: number) {
  const sec = Math.floor(seconds)
  return { sec, nsec: Math.min(999_999_999, Math.round((seconds - sec) * 1e9)) }
}

export function sidePath(text: string): SidePath {
  return nameFromText(text)
}
