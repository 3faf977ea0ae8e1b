/**
 * Open cache files, so that a hit costs one read. Bounded: one that nobody reads, nor did lately, is closed for another.
 * Each knows which pieces were found good since it was opened, and forgets it when the file was changed.
 */
import { close, fstatSync, type Stats } from 'node:fs'
import { ClockHand } from '#core/base/clock-hand.ts'
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
  /** Asked for since its turn to go came. */
  #used = false

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

  use(): void {
    this.#used = true
  }

  /** Its turn has come: held files stay, and who was used has a second chance. */
  mayGo(): boolean {
    if (this.#readers > 0) return false
    const used = this.#used
    this.#used = false
    return !used
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
  readonly #hand = new ClockHand(this.#files)

  constructor(most: number) {
    this.#most = most
  }

  get count(): number {
    return this.#files.size
  }

  get(id: BlockId): OpenFile | undefined {
    const file = this.#files.get(id)
    file?.use()
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
    if (this.#files.size > this.#most) this.#closeOne()
    return file
  }

  delete(id: BlockId): void {
    this.#files.get(id)?.close()
    this.#files.delete(id)
  }

  /** The process may not open as many: make do with half. */
  halve(): void {
    this.#most = Math.max(16, this.#files.size >> 1)
    for (let n = this.#files.size - this.#most; n > 0; n--) this.#closeOne()
  }

  clear(): void {
    for (const id of [...this.#files.keys()]) this.delete(id)
  }

  #closeOne(): void {
    const id = this.#hand.next((file) => file.mayGo())
    if (id !== undefined) this.delete(id)
  }
}
