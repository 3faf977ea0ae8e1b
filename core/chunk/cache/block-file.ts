/** Reading and writing the files of the disk cache and of staging; what they hold is in `cache-file.ts`. */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { checksumLength, checksums, checksumsMatch, fileShape, PIECE, tierFooter } from './cache-file.ts'
import { OpenFile } from './open-files.ts'

const open = promisify(fs.open)
const close = promisify(fs.close)
const readInto = promisify(fs.read)
const writev = promisify(fs.writev)
const fsync = promisify(fs.fsync)
const rename = promisify(fs.rename)
const mkdir = promisify(fs.mkdir)
const unlink = promisify(fs.unlink)

const NEW = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC

export type ChecksumLevel = 'none' | 'full' | 'shrink' | 'extend'

export interface WriteFileOptions {
  /** Of the file; directories get execute for each read, write for the owner. */
  readonly mode: number
  readonly checksums: boolean
  readonly tier?: number
  /** The block past the kernel's cache: where it is whole pages of memory. Errors: EINVAL where that cannot be. */
  readonly direct?: boolean
  /** fsync the file before it gets its name; the name is made durable with `syncDirectories`. */
  readonly sync?: boolean
}

/** Write a block file beside its place and rename it there. Errors: those of the file system. */
export async function writeBlockFile(
  path: string,
  bytes: Uint8Array,
  options: WriteFileOptions,
): Promise<void> {
  const temporary = `${path}.tmp`
  const tail: Uint8Array[] = []
  if (options.checksums) tail.push(checksums(bytes))
  if (options.tier) tail.push(tierFooter(options.tier, options.checksums))
  const { mode, sync } = options
  try {
    if (options.direct) {
      await writeFile(await openMaking(temporary, NEW | fs.constants.O_DIRECT, mode), [bytes])
      // What is left is no whole page.
      const { O_WRONLY, O_APPEND } = fs.constants
      await writeFile(await open(temporary, O_WRONLY | O_APPEND), tail, sync)
    } else await writeFile(await openMaking(temporary, NEW, mode), [bytes, ...tail], sync)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

export function directoryMode(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2) | 0o300
}

/** fsync `directory` and those above it up to `top`: a new one is durable only by its parent. */
export async function syncDirectories(directory: string, top: string): Promise<void> {
  for (let at = directory; at.length >= top.length; at = dirname(at)) {
    const fd = await open(at, 'r')
    try {
      await fsync(fd)
    } finally {
      await close(fd)
    }
  }
}

/** Write all and close. */
async function writeFile(fd: number, parts: readonly Uint8Array[], sync = false): Promise<void> {
  try {
    await writeAll(fd, parts)
    if (sync) await fsync(fd)
  } finally {
    await close(fd)
  }
}

async function openMaking(path: string, flags: number, mode: number): Promise<number> {
  try {
    return await open(path, flags, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await mkdir(dirname(path), { recursive: true, mode: directoryMode(mode) })
    return await open(path, flags, mode)
  }
}

async function writeAll(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  const wanted = parts.reduce((sum, part) => sum + part.length, 0)
  if (wanted === 0) return
  const { bytesWritten } = await writev(fd, parts)
  if (bytesWritten === wanted) return
  // A full disk may take a part; the rest then says why.
  const rest = Buffer.concat(parts).subarray(bytesWritten)
  const again = await writev(fd, [rest])
  if (again.bytesWritten !== rest.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
}

/** A file is not what it should be: too short, or its checksums do not match. */
export class BadCacheFile extends Error {
  override readonly name = 'BadCacheFile'
}

/** Open the file of a block of `size` bytes. Errors: those of the file system; BadCacheFile. */
export async function openBlockFile(path: string, size: number): Promise<OpenFile> {
  const fd = await open(path, 'r')
  try {
    const stats = fs.fstatSync(fd)
    const shape = fileShape(stats.size, size)
    if (shape === undefined) throw new BadCacheFile(`${stats.size} bytes for a block of ${size}`)
    const sums = shape.hasChecksums ? await readExactly(fd, size, checksumLength(size)) : undefined
    return new OpenFile(fd, size, stats, sums)
  } catch (error) {
    await close(fd)
    throw error
  }
}

/** A whole small block in one read. Errors: as `openBlockFile`. */
export async function readWholeFile(path: string, size: number, level: ChecksumLevel): Promise<Uint8Array> {
  const fd = await open(path, 'r')
  try {
    const shape = fileShape(fs.fstatSync(fd).size, size)
    if (shape === undefined) throw new BadCacheFile(`wrong length for a block of ${size}`)
    const checked = shape.hasChecksums && level !== 'none'
    const all = await readExactly(fd, 0, size + (checked ? checksumLength(size) : 0))
    const bytes = all.subarray(0, size)
    if (checked && !checksumsMatch(bytes, all.subarray(size), 0))
      throw new BadCacheFile('checksums do not match')
    return bytes
  } finally {
    fs.closeSync(fd)
  }
}

/** Part of an open block file, checked as `level` says. Errors: as `openBlockFile`. */
export async function readPart(
  file: OpenFile,
  offset: number,
  length: number,
  level: ChecksumLevel,
): Promise<Uint8Array> {
  const end = offset + length
  const widen = level === 'extend' && file.sums !== undefined
  const from = widen ? offset - (offset % PIECE) : offset
  const to = widen ? Math.min(Math.ceil(end / PIECE) * PIECE, file.size) : end
  const bytes = await readExactly(file.fd, from, to - from)
  if (file.sums !== undefined) checkPieces(file, bytes, from, level)
  return bytes.subarray(offset - from, end - from)
}

/** Check the whole pieces among `bytes`, which lie at `from`. */
function checkPieces(file: OpenFile, bytes: Uint8Array, from: number, level: ChecksumLevel): void {
  if (level === 'none' || (level === 'full' && bytes.length < file.size)) return
  const first = Math.ceil(from / PIECE)
  const end = from + bytes.length
  const count = (end === file.size ? Math.ceil(end / PIECE) : Math.floor(end / PIECE)) - first
  if (count <= 0) return
  const start = first * PIECE - from
  const pieces = bytes.subarray(start, Math.min(start + count * PIECE, bytes.length))
  if (!checksumsMatch(pieces, file.sums!, first)) throw new BadCacheFile('checksums do not match')
  file.markGood(first, count)
}

async function readExactly(fd: number, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length)
  const { bytesRead } = await readInto(fd, buffer, 0, length, position)
  if (bytesRead !== length) throw new BadCacheFile(`ends after ${position + bytesRead} bytes`)
  return buffer
}
