/**
 * Open cache files, so that a hit costs one read. Bounded: the least recently used that nobody reads is closed.
 * Each knows which pieces were found good since it was opened, and forgets it when the file was changed.
 */
import { close, fstatSync, type Stats } from 'node:fs'
import type { BlockId } from '../geometry.ts'
import { PIECE } from './cache-file.ts'

export class OpenFile {
  readonly fd: number
  readonly size: number
  /** Undefined when the file has none. */
  readonly sums: Uint8Array | undefined
  readonly #good: Uint8Array
  #mtimeMs: number
  readonly #fileSize: number
  #readers = 0
  #closing = false

  constructor(fd: number, size: number, stats: Stats, sums: Uint8Array | undefined) {
    this.fd = fd
    this.size = size
    this.sums = sums
    this.#good = new Uint8Array(Math.ceil(size / PIECE))
    this.#mtimeMs = stats.mtimeMs
    this.#fileSize = stats.size
  }

  /** Keep the descriptor open until `letGo`. */
  hold(): void {
    this.#readers++
  }

  letGo(): void {
    if (--this.#readers === 0 && this.#closing) close(this.fd)
  }

  get held(): boolean {
    return this.#readers > 0
  }

  /** Close once nobody reads. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#readers === 0) close(this.fd)
  }

  markGood(first: number, count: number): void {
    this.#good.fill(1, first, first + count)
  }

  /** Every piece of the range was found good, and the file was not touched since. */
  isGood(offset: number, length: number): boolean {
    const last = Math.floor((offset + length - 1) / PIECE)
    for (let piece = Math.floor(offset / PIECE); piece <= last; piece++) {
      if (this.#good[piece] === 0) return false
    }
    return this.#unchanged()
  }

  /** Synchronous on purpose: the inode of an open file is in memory. */
  #unchanged(): boolean {
    const { mtimeMs, size } = fstatSync(this.fd)
    if (mtimeMs === this.#mtimeMs && size === this.#fileSize) return true
    this.#mtimeMs = mtimeMs
    this.#good.fill(0)
    return false
  }
}

export class OpenFiles {
  #most: number
  readonly #files = new Map<BlockId, OpenFile>()

  constructor(most: number) {
    this.#most = most
  }

  get count(): number {
    return this.#files.size
  }

  get(id: BlockId): OpenFile | undefined {
    const file = this.#files.get(id)
    if (file === undefined) return undefined
    this.#files.delete(id)
    this.#files.set(id, file)
    return file
  }

  /** Take over an open file; the one that is kept is returned (two may open the same at once). */
  put(id: BlockId, file: OpenFile): OpenFile {
    const other = this.#files.get(id)
    if (other !== undefined) {
      file.close()
      return other
    }
    this.#files.set(id, file)
    if (this.#files.size > this.#most) this.#closeOldest()
    return file
  }

  delete(id: BlockId): void {
    this.#files.get(id)?.close()
    this.#files.delete(id)
  }

  /** The process may not open as many: make do with half. */
  halve(): void {
    this.#most = Math.max(16, this.#files.size >> 1)
    for (let n = this.#files.size - this.#most; n > 0; n--) this.#closeOldest()
  }

  clear(): void {
    for (const id of [...this.#files.keys()]) this.delete(id)
  }

  #closeOldest(): void {
    for (const [id, file] of this.#files) {
      if (file.held) continue
      this.delete(id)
      return
    }
  }
}
