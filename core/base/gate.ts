/**
 * A gate in the way of long work: while it is closed, whoever comes to it waits. It goes along with the work's signal,
 * which reaches every loop already; loops come to it between two items (`pass`), so nothing is cut in the middle.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from './clock.ts'

const gates = new WeakMap<AbortSignal, Gate>()

/** Work goes on for at most so long without anybody else's turn. */
const LONGEST_TURN_MS = 5
let turnMs = 0

export class Gate {
  readonly #waiting: (() => void)[] = []
  readonly #listeners = new Set<() => void>()
  #closed = false

  get isClosed(): boolean {
    return this.#closed
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const listener of this.#listeners) listener()
  }

  open(): void {
    if (!this.#closed) return
    this.#closed = false
    for (const go of this.#waiting.splice(0)) go()
    for (const listener of this.#listeners) listener()
  }

  /** `listener` is told of each change; call what is returned to be told no more. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when it is open, rejects with the signal's reason. */
  async passed(signal: AbortSignal): Promise<void> {
    while (this.#closed) {
      signal.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<void>()
      const go = () => resolve()
      this.#waiting.push(go)
      signal.addEventListener('abort', go, { once: true })
      await promise
      signal.removeEventListener('abort', go)
    }
    signal.throwIfAborted()
  }
}

/** A signal of its own, which fires with `signal`, for work that has `gate` in its way. */
export function gated(signal: AbortSignal, gate: Gate): AbortSignal {
  const own = AbortSignal.any([signal])
  gates.set(own, gate)
  return own
}

/** A signal that fires with either, with the gate of the first. */
export function gatedToo(signal: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  const gate = signal === undefined ? undefined : gates.get(signal)
  const both = signal === undefined ? other : AbortSignal.any([signal, other])
  return gate === undefined ? both : gated(both, gate)
}

/** The gate that goes along with a signal, for work that goes on in another thread. */
export function gateOf(signal: AbortSignal | undefined): Gate | undefined {
  return signal === undefined ? undefined : gates.get(signal)
}

/** The same signal without its gate: for a stretch of work that must not be held up in the middle. */
export function ungated(signal: AbortSignal | undefined): AbortSignal | undefined {
  return signal === undefined ? undefined : AbortSignal.any([signal])
}

/**
 * Between two items of long work: wait while its gate is closed, and give others their turn. (Work on an engine in this
 * process never waits for anything: without that, no request is answered until it is done.) Errors: the signal's reason.
 */
export async function pass(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (systemClock.monotonicMs() - turnMs > LONGEST_TURN_MS) {
    await turn()
    turnMs = systemClock.monotonicMs()
    signal?.throwIfAborted()
  }
  const gate = signal === undefined ? undefined : gates.get(signal)
  if (gate?.isClosed) await gate.passed(signal!)
}
