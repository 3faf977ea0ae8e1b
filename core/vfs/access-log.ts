/**
 * The lines of `.accesslog`: one an operation, kept only while somebody reads. Each reader has a ring of 10240
 * lines; when it is full, new lines are dropped. A read returns what is there, and within a second in any case:
 * `#` when there was nothing. Source: shared/spec/vfs-and-fuse.md §5.4.
 */
import type { Clock } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EACCES, fail } from '#core/base/errno.ts'
import type { VirtualFile } from './virtual-files.ts'

const MAX_LINES = 10_240
const WAIT_MS = 1000

export class AccessLog {
  readonly #clock: Clock
  readonly #readers = new Set<Reader>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody reads: lines are worth making. */
  get active(): boolean {
    return this.#readers.size > 0
  }

  add(line: string): void {
    for (const reader of this.#readers) reader.add(line)
  }

  open(): VirtualFile {
    const reader = new Reader(this.#clock)
    this.#readers.add(reader)
    return {
      read: (ctx, _offset, size) => reader.read(ctx, size),
      write: async () => {
        throw fail(EACCES, 'write', 'read-only virtual file')
      },
      close: () => {
        this.#readers.delete(reader)
        reader.wake()
      },
    }
  }
}

class Reader {
  readonly #clock: Clock
  #lines: Buffer[] = []
  #first = 0
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(line: string): void {
    if (this.#lines.length - this.#first >= MAX_LINES) return
    this.#lines.push(Buffer.from(line, 'utf8'))
    this.wake()
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  async read(ctx: OpContext, size: number): Promise<Uint8Array> {
    if (this.#first === this.#lines.length) await this.#someLine(ctx)
    if (this.#first === this.#lines.length) return Buffer.from('#\n')
    const parts: Buffer[] = []
    let room = size
    while (this.#first < this.#lines.length && room > 0) {
      const line = this.#lines[this.#first]!
      if (line.length > room) {
        parts.push(line.subarray(0, room))
        this.#lines[this.#first] = line.subarray(room)
        break
      }
      parts.push(line)
      room -= line.length
      this.#first++
    }
    if (this.#first > 1024 || this.#first === this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
    return Buffer.concat(parts)
  }

  async #someLine(ctx: OpContext): Promise<void> {
    const stop = new AbortController()
    const line = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    const onAbort = (): void => this.wake()
    ctx.signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([line, this.#clock.sleep(WAIT_MS, stop.signal).catch(() => {})])
    } finally {
      stop.abort()
      ctx.signal.removeEventListener('abort', onAbort)
    }
  }
}
