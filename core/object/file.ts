/**
 * Objects as files under a root. Source: shared/spec/volume-and-objects.md §7.4.
 *
 * The root is a string put before the key and ends in `/`; without it, it is the beginning of file names too, as
 * in the reference. A put writes a temporary file beside its target and renames it, but for small new ones that nobody
 * looks for yet, as the rename is a third of their time; nothing is flushed until `sync`. Callback `fs` is used throughout: its requests cost half of what FileHandle's do; what takes less than to hand
 * it over is done on the loop (`LoopCalls`).
 */
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { isPages } from '#core/base/page-buffer.ts'
import { below, type Random, systemRandom } from '#core/base/random.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import { DirectWrites } from './direct-writes.ts'
import { abandonable, throwIfAborted } from './interrupt.ts'
import { compareKeys } from './keys.ts'
import { LoopCalls } from './loop-calls.ts'
import { totalLength } from './parts.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'
import { eachOf, rangesOf } from './streams.ts'

const open = promisify(fs.open)
const read = promisify(fs.read)
const writev = promisify(fs.writev)
const close = promisify(fs.close)
const fstat = promisify(fs.fstat)
const stat = promisify(fs.stat)
const rename = promisify(fs.rename)
const unlink = promisify(fs.unlink)
const rmdir = promisify(fs.rmdir)
const mkdir = promisify(fs.mkdir)
const readdir = promisify(fs.readdir)
const fsync = promisify(fs.fsync)
const fdatasync = promisify(fs.fdatasync)

/** Less the umask; never world-writable, which the reference's blocks are (its mounts run with umask 0). */
const FILE_MODE = 0o644
const FOLDER_MODE = 0o775
const NEW = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL
const TEMPORARY = /^\.jfs\..*\.tmp\.\d+$/
/** Flushes at a time: they share a journal commit, and half of libuv's threads (16, set by our entries) stay free. */
const SYNCS = 8
/** Folders remembered as durable before the memory starts anew. */
const DURABLE_FOLDERS = 100_000
/** Files up to this size are read at one go. */
const FIRST_READ = 64 * 1024
/** Objects up to this size are written on the loop, where that may be. */
const SMALL = 64 * 1024
/** Sizes asked at a time while listing. */
const STATS = 32

export class FileObjectStore implements ObjectStore {
  readonly canReadRange = true
  readonly #root: string
  readonly #random: Random
  /** Folders, ending in `/`, whose own entry (and those above) this process has made durable. */
  readonly #durable = new Set<string>()
  /** Counts the times a folder had to be made: what `#durable` says may be older than that folder. */
  #foldersMade = 0
  readonly #syncs = new Semaphore(SYNCS)
  readonly #loop: LoopCalls
  readonly #direct = new DirectWrites()

  /** `root` is absolute, normally ending in `/`. */
  constructor(root: string, random: Random = systemRandom) {
    if (!root.startsWith('/')) throw new BackendError('invalid', `file: bucket "${root}" is no absolute path`)
    this.#root = root
    this.#random = random
    this.#loop = new LoopCalls(parentOf(root), systemClock)
  }

  get address(): string {
    return `file://${this.#root}`
  }

  async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const path = this.#path(key)
    try {
      return await abandonable(options?.signal, () => readFile(path, range))
    } catch (error) {
      throw fileError('get', path, error)
    }
  }

  async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    const path = this.#path(key)
    const signal = options?.signal
    try {
      throwIfAborted(signal)
      if (this.#putNow(path, parts, options?.fresh ?? false)) return
      await abandonable(signal, () =>
        path.endsWith('/') ? this.#makeFolder(path).then(() => {}) : this.#replaceTimed(path, parts, signal),
      )
    } catch (error) {
      throw fileError('put', path, error)
    }
  }

  async putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    const path = this.#path(key)
    let isOurs = true
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        yield* source
      } catch (error) {
        isOurs = false
        throw error
      }
    }
    try {
      await eachOf(options)((signal) =>
        abandonable(signal, () => this.#replace(path, (fd) => writeStream(fd, watched(), signal), signal)),
      )
    } catch (error) {
      throw isOurs ? fileError('put', path, error) : error
    }
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return rangesOf(this, key, options)
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    const path = this.#path(key)
    const isFolder = path.endsWith('/')
    try {
      await abandonable(options?.signal, () => (isFolder ? rmdir(path) : unlink(path)))
    } catch (error) {
      const code = codeOf(error)
      if (isMissing(code) || (isFolder && (code === 'ENOTEMPTY' || code === 'EEXIST'))) return
      throw fileError('delete', path, error)
    }
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    const path = this.#path(key)
    try {
      const stats = await abandonable(options?.signal, () => stat(path))
      if (stats.isFile()) return { key, size: stats.size, mtimeMs: stats.mtimeMs }
      return stats.isDirectory() && key.endsWith('/') ? { key, size: 0, mtimeMs: stats.mtimeMs } : undefined
    } catch (error) {
      if (isMissing(codeOf(error))) return undefined
      throw fileError('head', path, error)
    }
  }

  async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const start = this.#path(prefix)
    const folder = start.slice(0, start.lastIndexOf('/') + 1)
    try {
      yield* this.#walk(folder, start, options?.after ?? '', options?.signal)
    } catch (error) {
      throw fileError('list', start, error)
    }
  }

  async sync(keys: readonly string[]): Promise<void> {
    const made = this.#foldersMade
    const paths = keys.map((key) => this.#path(key))
    const folders = new Set<string>()
    for (const path of paths) this.#collectFolders(parentOf(path), folders)
    await Promise.all([this.#flushAll(paths, fdatasync), this.#flushAll([...folders], fsync)])
    // A folder is durable once the one above it, which holds its entry, has been flushed.
    if (made === this.#foldersMade) for (const path of paths) this.#remember(path)
  }

  localPath(key: string): string {
    return this.#path(key)
  }

  async create(): Promise<void> {
    const folder = this.#root.slice(0, this.#root.lastIndexOf('/') + 1)
    try {
      const first = await this.#makeFolder(folder)
      if (first === undefined) return
      for (let path = folder; path.length > first.length; )
        await this.#flush((path = parentOf(path.slice(0, -1))), fsync)
      await this.#flush(parentOf(first), fsync)
    } catch (error) {
      throw fileError('create', folder, error)
    }
  }

  close(): void {}

  #path(key: string): string {
    if (key.includes('\0') || key.split('/').includes('..')) {
      throw new BackendError('invalid', `file: key ${JSON.stringify(key)} leaves the bucket`)
    }
    return this.#root + key
  }

  /** `#replace`, past the kernel's cache where that is better. */
  async #replaceTimed(
    path: string,
    parts: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const size = totalLength(parts)
    const isDirect = this.#loop.isLocal && parts.every(isPages) && this.#direct.choose(size)
    const write = (fd: number): Promise<void> => writeAll(fd, parts)
    const start = systemClock.monotonicMs()
    try {
      await this.#replace(path, write, signal, isDirect ? NEW | fs.constants.O_DIRECT : NEW)
    } catch (error) {
      if (!isDirect || codeOf(error) !== 'EINVAL') throw error
      this.#direct.refused()
      return this.#replace(path, write, signal)
    }
    this.#direct.took(isDirect, size, systemClock.monotonicMs() - start)
  }

  async #replace(
    path: string,
    write: (fd: number) => Promise<void>,
    signal: AbortSignal | undefined,
    flags = NEW,
  ): Promise<void> {
    const temporary = this.#temporaryFor(path)
    const fd = await this.#createFile(temporary, flags)
    try {
      try {
        await write(fd)
      } finally {
        await close(fd)
      }
      throwIfAborted(signal)
      await rename(temporary, path)
    } catch (error) {
      await unlink(temporary).catch(() => {})
      throw error
    }
  }

  async #createFile(path: string, flags: number): Promise<number> {
    try {
      return await open(path, flags, FILE_MODE)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await this.#makeFolder(parentOf(path))
      return open(path, flags, FILE_MODE)
    }
  }

  /** Put a small file on the loop; false, with nothing done, where that cannot be. */
  #putNow(path: string, parts: readonly Uint8Array[], fresh: boolean): boolean {
    // While something is flushed, a new file may have to wait for the journal.
    if (totalLength(parts) > SMALL || path.endsWith('/') || this.#syncs.inUse > 0) return false
    if (!this.#loop.allowed) return false
    return this.#loop.run(() =>
      fresh ? createNow(path, parts) : replaceNow(this.#temporaryFor(path), path, parts),
    )
  }

  /** The first folder that had to be made, if any. */
  async #makeFolder(folder: string): Promise<string | undefined> {
    const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    if (first !== undefined) {
      this.#foldersMade++
      this.#durable.clear()
    }
    return first
  }

  async #flushAll(paths: readonly string[], how: (fd: number) => Promise<void>): Promise<void> {
    await Promise.all(paths.map((path) => this.#syncs.run(() => this.#flush(path, how))))
  }

  /** What was removed meanwhile needs no flush. */
  async #flush(path: string, how: (fd: number) => Promise<void>): Promise<void> {
    const { O_RDONLY } = fs.constants
    try {
      const isNow = this.#loop.allowed
      const fd = isNow ? this.#loop.run(() => fs.openSync(path, O_RDONLY)) : await open(path, O_RDONLY)
      try {
        await how(fd)
      } finally {
        if (isNow) fs.closeSync(fd)
        else fs.close(fd, () => {})
      }
    } catch (error) {
      if (!isMissing(codeOf(error))) throw fileError('sync', path, error)
    }
  }

  #temporaryFor(path: string): string {
    const folder = parentOf(path)
    const base = Buffer.from(path.slice(folder.length)).subarray(0, 200)
    // Cut inside a character, the name is still only a name; latin1 would not keep the bytes, so drop the rest.
    const head = base.toString('utf8').replace(/\ufffd+$/, '')
    return `${folder}.jfs.${head}.tmp.${below(this.#random, 2 ** 48)}`
  }

  /** Adds `folder` and those above it up to the root whose flush is still owed. */
  #collectFolders(folder: string, out: Set<string>): void {
    out.add(folder)
    const top = parentOf(this.#root)
    for (let path = folder; path.length > top.length && !this.#durable.has(path); ) {
      path = parentOf(path.slice(0, -1))
      out.add(path)
    }
  }

  #remember(path: string): void {
    if (this.#durable.size > DURABLE_FOLDERS) this.#durable.clear()
    const top = parentOf(this.#root)
    for (let folder = parentOf(path); folder.length > top.length; folder = parentOf(folder.slice(0, -1))) {
      this.#durable.add(folder)
    }
  }

  async *#walk(
    folder: string,
    start: string,
    after: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const paths = await abandonable(signal, () => entries(folder))
    const wanted = paths.filter((path) => path.startsWith(start) && this.#mayFollow(path, after))
    for (let at = 0; at < wanted.length; ) {
      const path = wanted[at]!
      if (path.endsWith('/')) {
        yield* this.#walk(path, start, after, signal)
        at++
        continue
      }
      const files: string[] = []
      while (at < wanted.length && files.length < STATS && !wanted[at]!.endsWith('/'))
        files.push(wanted[at++]!)
      const infos = await Promise.all(
        files.map((file) => this.head(file.slice(this.#root.length), { signal })),
      )
      for (const info of infos) if (info !== undefined) yield info
    }
  }

  /** Can this file, or anything in this folder, come after the key `after`? */
  #mayFollow(path: string, after: string): boolean {
    const key = path.slice(this.#root.length)
    return compareKeys(key, after) > 0 || (path.endsWith('/') && after.startsWith(key))
  }
}

/** Paths of the files and folders (with `/`) in a folder, in key order; links count as what they point to. */
async function entries(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(codeOf(error))) return []
    throw error
  })
  const paths: string[] = []
  for (const item of found) {
    if (TEMPORARY.test(item.name)) continue
    const path = folder + item.name
    const kind = item.isSymbolicLink() ? await stat(path).catch(() => undefined) : item
    if (kind?.isDirectory()) paths.push(`${path}/`)
    else if (kind?.isFile()) paths.push(path)
  }
  return paths.sort(compareKeys)
}

async function readFile(path: string, range: ByteRange | undefined): Promise<Uint8Array> {
  const fd = await open(path, fs.constants.O_RDONLY)
  try {
    if (range !== undefined) return await readPart(fd, Buffer.allocUnsafeSlow(range.length), 0, range.offset)
    return await readWhole(fd)
  } catch (error) {
    if (codeOf(error) === 'EISDIR') return new Uint8Array(0)
    throw error
  } finally {
    // Closing what was only read cannot fail in a way that matters; nobody waits for it.
    fs.close(fd, () => {})
  }
}

/**
 * Small files take one read and no fstat, which saves a third of the time: a read of a regular file stops short only
 * at its end.
 */
async function readWhole(fd: number): Promise<Uint8Array> {
  const first = await readPart(fd, Buffer.allocUnsafeSlow(FIRST_READ), 0, 0)
  if (first.length < FIRST_READ) return first.length < FIRST_READ / 2 ? Buffer.from(first) : first
  const { size } = await fstat(fd)
  const whole = Buffer.allocUnsafeSlow(Math.max(size, FIRST_READ))
  first.copy(whole)
  return readPart(fd, whole, FIRST_READ, 0)
}

/** Fill `buffer` from `filled` on with the file from `offset` + `filled` on; returns what there was of it. */
async function readPart(fd: number, buffer: Buffer, filled: number, offset: number): Promise<Buffer> {
  const isSmall = buffer.length <= FIRST_READ
  let end = filled
  while (end < buffer.length) {
    const { bytesRead } = await read(fd, buffer, end, buffer.length - end, offset + end)
    end += bytesRead
    if (bytesRead === 0 || isSmall) break
  }
  return end === buffer.length ? buffer : buffer.subarray(0, end)
}

async function writeAll(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0)
  for (let left = totalLength(rest); left > 0; ) {
    const { bytesWritten } = await writev(fd, rest)
    left -= bytesWritten
    if (left > 0) rest = skipBytes(rest, bytesWritten)
  }
}

async function writeStream(
  fd: number,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const piece of source) {
    throwIfAborted(signal)
    await writeAll(fd, [piece])
  }
}

/** Make a file of `parts`; false, with nothing done, when its folder is missing or there is such a file. */
function createNow(path: string, parts: readonly Uint8Array[]): boolean {
  let fd: number
  try {
    fd = fs.openSync(path, NEW, FILE_MODE)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'EEXIST') return false
    throw error
  }
  try {
    try {
      for (const part of parts) for (let at = 0; at < part.length; ) at += fs.writeSync(fd, part, at)
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    fs.rmSync(path, { force: true })
    throw error
  }
  return true
}

function replaceNow(temporary: string, path: string, parts: readonly Uint8Array[]): boolean {
  if (!createNow(temporary, parts)) return false
  try {
    fs.renameSync(temporary, path)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  }
  return true
}

function skipBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  const rest: Uint8Array[] = []
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return rest
}

/** The folder of a path, ending in `/`. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

const KINDS: Readonly<Record<string, BackendErrorKind>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENAMETOOLONG: 'invalid',
  EISDIR: 'invalid',
  EINVAL: 'invalid',
}

function fileError(op: string, path: string, error: unknown): BackendError {
  if (error instanceof BackendError) return error
  const code = codeOf(error)
  return new BackendError(KINDS[code] ?? 'unavailable', `file: ${op} ${path}: ${code}`, { cause: error })
}

function isMissing(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
