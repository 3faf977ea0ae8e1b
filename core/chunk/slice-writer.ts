/**
 * A slice being written. Its blocks go through three states:
 *
 *     gathering (here, can be overwritten) -> sent (BlockUploads; readers find it there) -> stored (caches)
 *
 * A block is sent as soon as it is complete and the slice's id is known; the last, short one by `finish`.
 */
import { BackendError } from '#core/base/errno.ts'
import type { SliceWriter } from './api.ts'
import type { BlockUploads } from './block-uploads.ts'
import { CHUNK_SIZE, checkSliceId } from './geometry.ts'
import { roomFor, type WriteBlock, type WriteMemory, waitForRoom, withRoom } from './write-block.ts'

/** What a writer needs of the block store. */
export interface WriterHost {
  readonly memory: WriteMemory
  readonly uploads: BlockUploads
  /** Bytes of a block that was sent, while they are in memory. */
  resident(slice: number, index: number, size: number): Uint8Array | undefined
  /** Remove blocks of a slice that will never be: those that were sent, by number, of `length` bytes in all. */
  discard(slice: number, sent: readonly number[], length: number, settled: Promise<unknown>): void
}

export class BlockSliceWriter implements SliceWriter {
  readonly #host: WriterHost
  readonly #tier: number
  /** Direct upload even in write-back mode. */
  readonly #direct: boolean
  readonly #blocks: (WriteBlock | undefined)[] = []
  readonly #sent = new Map<number, Promise<void>>()
  readonly #stop = new AbortController()
  #length = 0
  #frozen = 0
  #id = 0
  #error: unknown
  #ended = false
  /** A write that had to wait: where it began, and how far it came. */
  #retry = { at: -1, upTo: -1 }

  constructor(host: WriterHost, options: { tier?: number; direct?: boolean } = {}) {
    this.#host = host
    this.#tier = options.tier ?? 0
    this.#direct = options.direct ?? false
  }

  get length(): number {
    return this.#length
  }

  get frozenBelow(): number {
    return this.#frozen
  }

  write(at: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    const end = at + bytes.length
    let from = at === this.#retry.at ? this.#retry.upTo : at
    this.#retry.at = -1
    if (this.#ended || from < this.#frozen || from > this.#length || end > CHUNK_SIZE) {
      return Promise.reject(new BackendError('invalid', `slice write at ${at}, frozen below ${this.#frozen}`))
    }
    const { memory } = this.#host
    while (from < end) {
      const index = Math.floor(from / memory.blockSize)
      const start = index * memory.blockSize
      const upTo = Math.min(end, start + memory.blockSize)
      let block = this.#blocks[index]
      if (block === undefined || block.buffer.length < upTo - start) {
        const room = roomFor(memory, index, upTo - start)
        const share = memory.budget.tryTake(room, block !== undefined)
        if (share === undefined) {
          this.#retry = { at, upTo: from }
          return this.#makeRoom(index, room, signal)
        }
        this.#blocks[index] = block = withRoom(memory, block, share)
      }
      block.buffer.set(
        from === at && upTo === end ? bytes : bytes.subarray(from - at, upTo - at),
        from - start,
      )
      block.size = Math.max(block.size, upTo - start)
      this.#length = Math.max(this.#length, upTo)
      from = upTo
      if (this.#id > 0 && block.size === memory.blockSize) this.#send(index)
    }
    return undefined
  }

  peek(offset: number, length: number): readonly Uint8Array[] | undefined {
    const { blockSize } = this.#host.memory
    const end = offset + length
    if (end > this.#length) return undefined
    const views: Uint8Array[] = []
    for (let from = offset; from < end; ) {
      const index = Math.floor(from / blockSize)
      const start = index * blockSize
      const upTo = Math.min(end, start + blockSize)
      const view = this.#show(index, from - start, upTo - from)
      if (view === undefined) return undefined
      views.push(view)
      from = upTo
    }
    return views
  }

  setId(id: number): void {
    checkSliceId(id)
    this.#id = id
    if (!this.#ended) this.#sendComplete()
  }

  async finish(): Promise<void> {
    if (this.#id === 0 && this.#length > 0)
      throw new BackendError('invalid', 'slice finished before its id was known')
    if (this.#ended && this.#error === undefined) throw new BackendError('closed', 'slice finished twice')
    this.#ended = true
    const tail = this.#blocks.length - 1
    if (this.#blocks[tail]?.size === 0) this.#drop(tail)
    for (const index of this.#gathered()) this.#send(index)
    await Promise.all(this.#sent.values())
    if (this.#error === undefined) return
    this.#discard()
    throw this.#error
  }

  abort(): void {
    this.#ended = true
    this.#fail(new BackendError('interrupted', 'slice aborted'))
    this.#discard()
  }

  async #makeRoom(index: number, room: number, signal: AbortSignal | undefined): Promise<void> {
    const { memory } = this.#host
    const either = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    const share = await waitForRoom(memory, this.#blocks[index], room, either)
    if (this.#ended) {
      memory.budget.give(share)
      throw this.#error ?? new BackendError('closed', 'slice ended while a write waited')
    }
    this.#blocks[index] = withRoom(memory, this.#blocks[index], share)
  }

  #show(index: number, offset: number, length: number): Uint8Array | undefined {
    const block = this.#blocks[index]
    if (block !== undefined) return block.show(offset, length)
    const { blockSize } = this.#host.memory
    const bytes = this.#host.resident(this.#id, index, Math.min(blockSize, this.#frozen - index * blockSize))
    return bytes?.subarray(offset, offset + length)
  }

  #gathered(): number[] {
    return [...this.#blocks.keys()].filter((index) => this.#blocks[index] !== undefined)
  }

  #sendComplete(): void {
    for (const index of this.#gathered()) {
      if (this.#blocks[index]!.size === this.#host.memory.blockSize) this.#send(index)
    }
  }

  #send(index: number): void {
    const block = this.#blocks[index]!
    this.#blocks[index] = undefined
    this.#frozen = Math.max(this.#frozen, index * this.#host.memory.blockSize + block.size)
    const name = { slice: this.#id, index, size: block.size }
    const options = { tier: this.#tier, direct: this.#direct, signal: this.#stop.signal }
    const upload = this.#host.uploads
      .upload(name, block, options)
      .catch((error: unknown) => this.#fail(error))
    this.#sent.set(index, upload)
  }

  /** Remember the first failure and stop the rest: the slice cannot become whole any more. */
  #fail(error: unknown): void {
    if (this.#error !== undefined) return
    this.#ended = true
    this.#error = error
    this.#stop.abort(error)
    for (const index of this.#gathered()) this.#drop(index)
  }

  #drop(index: number): void {
    this.#blocks[index]?.release(this.#host.memory)
    this.#blocks[index] = undefined
  }

  #discard(): void {
    if (this.#sent.size === 0) return
    const sent = [...this.#sent.keys()]
    this.#host.discard(this.#id, sent, this.#frozen, Promise.all(this.#sent.values()))
    this.#sent.clear()
  }
}
