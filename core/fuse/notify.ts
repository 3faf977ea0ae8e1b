/**
 * What the kernel is told unasked. Queued here and written by the pump's thread, never while a request is being
 * handled: the kernel takes inode and page locks for it, which a task may hold that waits for one of our answers.
 *
 * What is said of an inode waits until no READ of it is unanswered, for a moment at most. A READ that is answered with fewer
 * bytes tells the kernel that the file is shorter, but not after word of the inode that came between (`attr_version`, fs/
 * fuse/file.c fuse_read_update_size): the reader would get zeros up to the old length, which nobody wrote.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { Name } from '#core/base/name.ts'
import { encodeInvalEntry, encodeInvalInode } from './encode.ts'
import type { KernelNotifier } from './filesystem.ts'
import type { Pump } from './pump/pump.ts'

/** Queued at most; then the oldest are dropped, and the kernel's own time-outs must do. */
const MAX_QUEUED = 65_536
/** With the pump at a time. */
const MAX_SENT = 64

/** Longest wait for READs of an inode; a store may be slow. */
const HOLD_MS = 1000

/** What the pump calls the end of a notification, and of an urgent one. */
export const NOTIFY_SLOT = -1
export const URGENT_SLOT = -2

interface Range {
  readonly ino: Ino
  /** Negative: attributes only. */
  readonly offset: number
  /** 0: to the end of the file. */
  readonly length: number
}

type Message = (Range | { readonly parent: Ino; readonly name: Name }) & {
  /** Told when the kernel has been, or never will be. */
  readonly done: readonly (() => void)[]
  /** It waits for READs until then. */
  heldUntilMs?: number
}

export class Notifier implements KernelNotifier {
  readonly #queue = new Map<string, Message>()
  readonly #pump: () => Pick<Pump, 'notify'> | undefined
  readonly #log: Log
  /** Messages with the pump, in order. */
  readonly #inFlight: Message[] = []
  /** Who waits for the urgent messages that are with the pump, in order: it has one thread for them. */
  readonly #urgent: (() => void)[] = []
  /** Whether READs of an inode are unanswered. */
  readonly #isBeingRead: (ino: Ino) => boolean
  readonly #clock: Clock
  /** Who waits for the end of a READ. */
  readonly #readWaiters = new Set<() => void>()
  #scheduled = false
  #holding = false
  #dropped = 0

  /** `pump` undefined: the connection is gone. */
  constructor(
    pump: () => Pick<Pump, 'notify'> | undefined,
    isBeingRead: (ino: Ino) => boolean,
    clock: Clock,
    log: Log,
  ) {
    this.#pump = pump
    this.#isBeingRead = isBeingRead
    this.#clock = clock
    this.#log = log
  }

  get pending(): number {
    return this.#queue.size + this.#inFlight.length + this.#urgent.length
  }

  invalInode(ino: Ino, offset: number, length: number, done?: () => void): void {
    const key = String(ino)
    const before = this.#queue.get(key) as (Range & Message) | undefined
    const all = [...(before?.done ?? []), ...(done === undefined ? [] : [done])]
    const { heldUntilMs } = before ?? {}
    this.#enqueue(key, { ...union(before, { ino, offset, length }), done: all, heldUntilMs })
  }

  /** Goes past the queue: dropping attributes alone takes no lock in the kernel (fs/fuse/inode.c). */
  async dropAttributes(ino: Ino): Promise<void> {
    const until = this.#clock.monotonicMs() + HOLD_MS
    while (this.#isBeingRead(ino) && this.#clock.monotonicMs() < until)
      await new Promise<void>((resolve) => this.#afterRead(resolve))
    const pump = this.#pump()
    if (pump === undefined || pump.notify(URGENT_SLOT, encodeInvalInode(ino, -1, 0), true) !== 0) return
    await new Promise<void>((resolve) => this.#urgent.push(resolve))
  }

  /** A READ was answered. @hot */
  readEnded(): void {
    if (this.#readWaiters.size > 0) for (const wake of [...this.#readWaiters]) wake()
  }

  invalEntry(parent: Ino, name: Name): void {
    this.#enqueue(`${parent}/${name}`, { parent, name, done: [] })
  }

  /** A notification was written, or refused: ENOENT says the kernel did not know the inode or name. */
  done(slot: number): void {
    if (slot === URGENT_SLOT) this.#urgent.shift()?.()
    else {
      settle(this.#inFlight.shift())
      this.#flush()
    }
  }

  /** The connection is gone: nobody need wait. */
  end(): void {
    for (const message of [...this.#inFlight.splice(0), ...this.#queue.values()]) settle(message)
    this.#queue.clear()
    for (const done of this.#urgent.splice(0)) done()
  }

  #enqueue(key: string, message: Message): void {
    if (this.#queue.size >= MAX_QUEUED && !this.#queue.has(key)) this.#dropOldest()
    this.#queue.set(key, message)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #dropOldest(): void {
    for (const [key, message] of this.#queue) {
      this.#queue.delete(key)
      settle(message)
      break
    }
    if (this.#dropped++ % 10_000 === 0)
      this.#log.warn('fuse: the kernel takes notifications too slowly, some are dropped', {
        dropped: this.#dropped,
      })
  }

  #flush(): void {
    const pump = this.#pump()
    if (pump === undefined) {
      this.end()
      return
    }
    for (const [key, message] of this.#queue) {
      if (this.#inFlight.length >= MAX_SENT) return
      if (this.#mustWait(message)) continue
      this.#queue.delete(key)
      const bytes =
        'ino' in message
          ? encodeInvalInode(message.ino, message.offset, message.length)
          : encodeInvalEntry(message.parent, message.name)
      if (pump.notify(NOTIFY_SLOT, bytes, false) === 0) this.#inFlight.push(message)
      else settle(message)
    }
  }

  #mustWait(message: Message): boolean {
    if (!('ino' in message) || !this.#isBeingRead(message.ino)) return false
    const now = this.#clock.monotonicMs()
    message.heldUntilMs ??= now + HOLD_MS
    if (now >= message.heldUntilMs) return false
    if (!this.#holding) {
      this.#holding = true
      this.#afterRead(() => {
        this.#holding = false
        this.#schedule()
      })
    }
    return true
  }

  /** Call back when a READ has ended, or after HOLD_MS. */
  #afterRead(callback: () => void): void {
    const ended = new AbortController()
    const once = (): void => {
      if (!this.#readWaiters.delete(once)) return
      ended.abort()
      callback()
    }
    this.#readWaiters.add(once)
    this.#clock.sleep(HOLD_MS, ended.signal).then(once, () => {})
  }
}

function settle(message: Message | undefined): void {
  for (const done of message?.done ?? []) done()
}

function union(a: Range | undefined, b: Range): Range {
  if (a === undefined || a.offset < 0) return b
  if (b.offset < 0) return a
  const offset = Math.min(a.offset, b.offset)
  if (a.length === 0 || b.length === 0) return { ino: b.ino, offset, length: 0 }
  return { ino: b.ino, offset, length: Math.max(a.offset + a.length, b.offset + b.length) - offset }
}
