/** The mount's end of its inspector's thread, which runs from the first question until nobody has asked for a while. */
import { Worker } from 'node:worker_threads'
import { BackendError } from '#core/base/errno.ts'
import { gateOf } from '#core/base/gate.ts'
import type { HeldBlock } from '#core/chunk/api.ts'
import { changeOf, type IndexChange } from '#core/inspect/volume-index.ts'
import { hearCommits } from '#core/meta/commit-feed.ts'
import { decodeError, encodeError } from './control-socket.ts'
import { UseWatch } from './giving-way.ts'
import type { FromThread, ThreadStart, ToThread } from './inspect-messages.ts'
import { type MountCalls, mountCalls } from './mount-calls.ts'
import type { Volume } from './open-volume.ts'

/** Without a question for so long the thread ends. */
const IDLE_MS = 600_000
/** It has so long to end by itself. */
const CLOSE_MS = 5_000
/** Changes are told together: so late at most, and so many at once. */
const TELL_MS = 50
const TELL_CHANGES = 1000
/** What the thread needs does not grow with the volume. */
const HEAP_MIB = 512
/** Rows stream by: more room for young objects would only be more memory. */
const YOUNG_MIB = 16
/** Blocks of one message. */
const HELD_BLOCKS = 1000

interface Question {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((progress: unknown) => void) | undefined
}

export class InspectLink {
  readonly #volume: Volume
  readonly #start: Omit<ThreadStart, 'sid' | 'use'>
  readonly #calls: MountCalls
  readonly #use: UseWatch
  readonly #questions = new Map<number, Question>()
  readonly #walks = new Map<number, Iterator<HeldBlock>>()
  #count = 0
  #thread: Worker | undefined
  #stopHearing: (() => void) | undefined
  #changes: IndexChange[] = []
  #telling: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(volume: Volume, start: Omit<ThreadStart, 'sid' | 'use'>) {
    this.#volume = volume
    this.#calls = mountCalls(volume)
    this.#use = new UseWatch(
      () => volume.metrics.histograms().get('fuse_ops_durations_histogram_seconds')?.count ?? 0,
    )
    this.#start = start
  }

  /** Errors: as the operation's; `unavailable` when the thread fails. */
  async ask(
    op: string,
    args: Readonly<Record<string, unknown>>,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: unknown) => void },
  ): Promise<unknown> {
    signal?.throwIfAborted()
    const id = ++this.#count
    const cancel = () => this.#say({ kind: 'cancel', id })
    const gate = gateOf(signal)
    const pause = () => this.#say({ kind: 'pause', id, pause: gate!.isClosed })
    const forgetGate = gate?.onChange(pause)
    clearTimeout(this.#idle)
    this.#use.start()
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#questions.set(id, { resolve, reject, onProgress })
        const thread = this.#running()
        // The question comes after all that was done before it.
        this.#tell()
        thread.postMessage({ kind: 'ask', id, op, args } satisfies ToThread)
        if (gate?.isClosed) pause()
      })
    } finally {
      signal?.removeEventListener('abort', cancel)
      forgetGate?.()
      this.#questions.delete(id)
      if (this.#questions.size === 0) {
        this.#use.stop()
        this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref()
      }
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    clearTimeout(this.#telling)
    this.#telling = undefined
    this.#stopHearing?.()
    this.#stopHearing = undefined
    const thread = this.#thread
    this.#thread = undefined
    if (thread === undefined) return
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    thread.postMessage({ kind: 'close' } satisfies ToThread)
    const late = setTimeout(() => void thread.terminate(), CLOSE_MS)
    await ended
    clearTimeout(late)
  }

  #running(): Worker {
    if (this.#thread !== undefined) return this.#thread
    // Before the thread reads anything: no change may fall between.
    this.#changes = []
    this.#stopHearing = hearCommits(this.#volume.engine, (changes) => {
      for (const change of changes) {
        const noted = changeOf(change)
        if (noted !== undefined) this.#changes.push(noted)
      }
      if (this.#changes.length >= TELL_CHANGES) this.#tell()
      else this.#telling ??= setTimeout(() => this.#tell(), TELL_MS).unref()
    })
    const start: ThreadStart = { ...this.#start, sid: this.#volume.meta.sid, use: this.#use.memory }
    const thread = new Worker(new URL('./inspect-thread.ts', import.meta.url), {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_MIB },
    })
    thread.unref()
    thread.on('message', (message: FromThread) => this.#hear(thread, message))
    thread.on('error', (cause) => this.#ended(thread, cause))
    thread.on('exit', () => this.#ended(thread, undefined))
    this.#thread = thread
    this.#walks.clear()
    return thread
  }

  #tell(): void {
    clearTimeout(this.#telling)
    this.#telling = undefined
    if (this.#changes.length > 0) this.#say({ kind: 'changed', changes: this.#changes })
    this.#changes = []
  }

  #say(message: ToThread): void {
    this.#thread?.postMessage(message)
  }

  #hear(thread: Worker, message: FromThread): void {
    switch (message.kind) {
      case 'progress':
        this.#questions.get(message.id)?.onProgress?.(message.progress)
        return
      case 'answer': {
        const question = this.#questions.get(message.id)
        if (message.error === undefined) question?.resolve(message.value)
        else question?.reject(decodeError(message.error))
        return
      }
      case 'call':
        void this.#call(thread, message)
        return
      case 'hold':
        thread.postMessage({
          kind: 'held',
          id: message.id,
          blocks: this.#heldBlocks(message.id),
        } satisfies ToThread)
        return
      default:
        message satisfies never
    }
  }

  async #call(thread: Worker, { id, name, args }: Extract<FromThread, { kind: 'call' }>): Promise<void> {
    const say = (message: Extract<ToThread, { kind: 'returned' }>, moved: ArrayBuffer[] = []) =>
      thread.postMessage(message, moved)
    try {
      const call = this.#calls[name] as (...args: readonly unknown[]) => Promise<unknown>
      const value = await call(...args)
      const pieces = name === 'read' ? (value as readonly Uint8Array<ArrayBuffer>[]) : []
      say(
        { kind: 'returned', id, value },
        pieces.map(({ buffer }) => buffer),
      )
    } catch (error) {
      say({ kind: 'returned', id, error: encodeError(error) })
    }
  }

  /** The next part of a walk. */
  #heldBlocks(id: number): readonly HeldBlock[] {
    const walk = this.#walks.get(id) ?? this.#volume.blocks.held()[Symbol.iterator]()
    const blocks: HeldBlock[] = []
    for (let next = walk.next(); next.done !== true; next = walk.next()) {
      blocks.push(next.value)
      if (blocks.length === HELD_BLOCKS) break
    }
    if (blocks.length === 0) this.#walks.delete(id)
    else this.#walks.set(id, walk)
    return blocks
  }

  #ended(thread: Worker, cause: unknown): void {
    if (this.#thread === thread) {
      this.#thread = undefined
      this.#stopHearing?.()
      this.#stopHearing = undefined
    }
    const error = new BackendError('unavailable', 'the inspector’s thread ended', { cause })
    if (this.#thread === undefined) for (const { reject } of this.#questions.values()) reject(error)
  }
}
