/** The mount's end of its inspector's process, which runs from the first question until nobody has asked for a while. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { BackendError } from '#core/base/errno.ts'
import { gateOf } from '#core/base/gate.ts'
import { comeLast, sessionLast } from '#core/base/priority.ts'
import type { HeldBlock } from '#core/chunk/api.ts'
import { changeOf, type IndexChange } from '#core/inspect/volume-index.ts'
import { hearCommits } from '#core/meta/commit-feed.ts'
import { decodeError, encodeError } from './control-socket.ts'
import { UseWatch } from './giving-way.ts'
import type { FromInspector, InspectorStart, ToInspector } from './inspect-messages.ts'
import { type MountCalls, mountCalls } from './mount-calls.ts'
import type { Volume } from './open-volume.ts'

/** Without a question for so long the process ends. */
const IDLE_MS = 600_000
/** It has so long to end by itself. */
const CLOSE_MS = 5_000
/** Changes are told together: after so long, or so many. */
const TELL_MS = 50
const TELL_CHANGES = 1000
/** More are not kept for a process that does not take them. */
const MOST_CHANGES = 50_000
/** What the process needs does not grow with the volume. Rows stream by: room for young objects would only be memory. */
const FLAGS = ['--max-old-space-size=512', '--max-semi-space-size=4']
/** What it says last is kept for the error. */
const LAST_WORDS = 2048
/** Blocks of one message. */
const HELD_BLOCKS = 1000

interface Question {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((progress: unknown) => void) | undefined
}

export class InspectLink {
  readonly #volume: Volume
  readonly #start: Omit<InspectorStart, 'sid'>
  readonly #calls: MountCalls
  readonly #use: UseWatch
  readonly #questions = new Map<number, Question>()
  readonly #walks = new Map<number, Iterator<HeldBlock>>()
  #count = 0
  #child: ChildProcess | undefined
  #stopHearing: (() => void) | undefined
  #changes: IndexChange[] = []
  #telling: NodeJS.Timeout | undefined
  /** The last changes told are still on their way. */
  #isTelling = false
  /** Some were not kept. */
  #hasMissed = false
  #idle: NodeJS.Timeout | undefined

  constructor(volume: Volume, start: Omit<InspectorStart, 'sid'>) {
    this.#volume = volume
    this.#calls = mountCalls(volume)
    this.#use = new UseWatch(
      () => volume.metrics.histograms().get('fuse_ops_durations_histogram_seconds')?.count ?? 0,
      (isUsed) => this.#say({ kind: 'used', isUsed }),
    )
    this.#start = start
  }

  /** Errors: as the operation's; `unavailable` when the process fails. */
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
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#questions.set(id, { resolve, reject, onProgress })
        this.#run()
        this.#use.start()
        // The question comes after all that was done before it.
        this.#tell()
        // What takes little is answered at once, whatever else the process is at.
        if (this.#child?.pid !== undefined) sessionLast(this.#child.pid, false)
        this.#say({ kind: 'ask', id, op, args })
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
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    if (child.pid !== undefined) sessionLast(child.pid, false)
    send(child, { kind: 'close' })
    const late = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
    await ended
    clearTimeout(late)
  }

  #run(): void {
    if (this.#child !== undefined) return
    // Before the process reads anything: no change may fall between.
    this.#changes = []
    this.#isTelling = false
    this.#hasMissed = false
    this.#stopHearing = hearCommits(this.#volume.engine, (changes) => {
      for (const change of changes) {
        const noted = changeOf(change)
        if (noted !== undefined) this.#changes.push(noted)
      }
      if (this.#changes.length > MOST_CHANGES) {
        this.#changes = []
        this.#hasMissed = true
      }
      if (this.#isTelling) return
      if (this.#changes.length >= TELL_CHANGES) this.#tell()
      else this.#tellSoon()
    })
    this.#walks.clear()
    const child = fork(fileURLToPath(new URL('./inspect-process.ts', import.meta.url)), [], {
      execArgv: FLAGS,
      serialization: 'advanced',
      // Who interrupts a mount in a terminal does not mean this process, which ends when the mount lets it go.
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    if (child.pid !== undefined) comeLast(child.pid)
    child.unref()
    child.channel?.unref()
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-LAST_WORDS)
    })
    child.on('message', (message: FromInspector) => this.#hear(child, message))
    child.on('error', (cause) => this.#ended(child, cause))
    child.on('exit', (code, by) => {
      this.#ended(child, new Error(`${by ?? `exit ${code}`}: ${said.trim()}`))
    })
    send(child, { kind: 'start', ...this.#start, sid: this.#volume.meta.sid })
    this.#child = child
    // A new process has been told nothing.
    this.#use.stop()
    this.#use.start()
  }

  #tellSoon(): void {
    this.#telling ??= setTimeout(() => this.#tell(), TELL_MS).unref()
  }

  #tell(): void {
    clearTimeout(this.#telling)
    this.#telling = undefined
    if (this.#hasMissed) this.#say({ kind: 'missed' })
    this.#hasMissed = false
    const changes = this.#changes
    if (changes.length === 0) return
    this.#changes = []
    this.#isTelling = true
    this.#say({ kind: 'changed', changes }, () => {
      this.#isTelling = false
      if (this.#changes.length > 0) this.#tellSoon()
    })
  }

  #say(message: ToInspector, done?: () => void): void {
    if (this.#child !== undefined) send(this.#child, message, done)
  }

  #hear(child: ChildProcess, message: FromInspector): void {
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
        void this.#call(child, message)
        return
      case 'hold':
        send(child, { kind: 'held', id: message.id, blocks: this.#heldBlocks(message.id) })
        return
      case 'enough':
        this.#walks.delete(message.id)
        return
      default:
        message satisfies never
    }
  }

  async #call(
    child: ChildProcess,
    { id, name, args }: Extract<FromInspector, { kind: 'call' }>,
  ): Promise<void> {
    try {
      const call = this.#calls[name] as (...args: readonly unknown[]) => Promise<unknown>
      send(child, { kind: 'returned', id, value: await call(...args) })
    } catch (error) {
      send(child, { kind: 'returned', id, error: encodeError(error) })
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
    this.#walks.set(id, walk)
    return blocks
  }

  #ended(child: ChildProcess, cause: unknown): void {
    if (this.#child === child) {
      this.#child = undefined
      this.#stopHearing?.()
      this.#stopHearing = undefined
    }
    const error = new BackendError('unavailable', 'the inspector’s process ended', { cause })
    if (this.#child === undefined) for (const { reject } of this.#questions.values()) reject(error)
  }
}

/** `done`: it is on its way, or nobody is there to hear it. */
function send(child: ChildProcess, message: ToInspector, done?: () => void): void {
  if (child.connected) child.send(message, () => done?.())
  else done?.()
}
