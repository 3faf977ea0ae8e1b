/**
 * Work in a process beside a mount gives way to it: of the time it takes half of a processor while nobody uses the mount,
 * and a twentieth while somebody does. The mount says which.
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { sessionLast } from '#core/base/priority.ts'

const LOOK_MS = 50
/** Work goes on for so long before it rests. */
const TURN_MS = 5
/** Rest for each millisecond of work. */
const REST = { idle: 1, used: 20 }

/** Of the mount: looks now and then whether requests came. */
export class UseWatch {
  readonly #served: () => number
  readonly #tell: (isUsed: boolean) => void
  #before = 0
  #told: boolean | undefined
  #timer: NodeJS.Timeout | undefined

  /** `served`: requests answered so far; `tell` is called with the first look after `start`, and with each change. */
  constructor(served: () => number, tell: (isUsed: boolean) => void) {
    this.#served = served
    this.#tell = tell
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#told = undefined
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const served = this.#served()
    const isUsed = served !== this.#before
    this.#before = served
    if (isUsed !== this.#told) this.#tell(isUsed)
    this.#told = isUsed
  }
}

/**
 * Of the process beside it: rests for the processor time that all of its threads took. Time in which it waited, for a disk,
 * a server or a processor, counts as rest: on a machine that has nothing to give it is not made to wait twice. As long as
 * it had to rest it also comes last; after a turn in which it waited for longer than it should rest, it has one among equals.
 * So it takes its part of a processor at most, and on a machine that is used up it is still not left without.
 */
export class Rests {
  /** Of the mount; until it is known, it is. */
  isUsed = true
  readonly #clock: Clock
  readonly #spentMs: () => number
  readonly #sessionLast: (isLast: boolean) => boolean
  #atMs: number
  #countedMs = 0
  /** Work that was not rested for yet. */
  #owedMs = 0
  /** Work and waiting since it was last decided whether to come last. */
  #turn = { workedMs: 0, waitedMs: 0 }
  #isLast = false

  constructor(clock: Clock = systemClock, spentMs: () => number = processorMs, last = ownLast) {
    this.#clock = clock
    this.#spentMs = spentMs
    this.#sessionLast = last
    this.#atMs = clock.monotonicMs()
  }

  /** A question has come, and with it a turn among equals: the mount has seen to that. */
  begin(): void {
    this.#count()
    this.#turn = { workedMs: 0, waitedMs: 0 }
    this.#isLast = false
  }

  /** After a turn of work: rest until all so far has been rested for. Errors: AbortError. */
  async take(signal?: AbortSignal): Promise<void> {
    this.#count()
    const { workedMs, waitedMs } = this.#turn
    if (workedMs < TURN_MS) return
    this.#comeLast(waitedMs < workedMs * this.#rest)
    for (; this.#owedMs > 0; this.#count())
      await this.#clock.sleep(Math.min(this.#owedMs * this.#rest, LOOK_MS), signal)
    this.#turn = { workedMs: 0, waitedMs: 0 }
  }

  #comeLast(isLast: boolean): void {
    this.#turn = { workedMs: 0, waitedMs: 0 }
    if (isLast !== this.#isLast && this.#sessionLast(isLast)) this.#isLast = isLast
  }

  get #rest(): number {
    return this.isUsed ? REST.used : REST.idle
  }

  #count(): void {
    const [nowMs, spentMs] = [this.#clock.monotonicMs(), this.#spentMs()]
    const workedMs = spentMs - this.#countedMs
    const waitedMs = Math.max(0, nowMs - this.#atMs - workedMs)
    this.#owedMs = Math.max(0, this.#owedMs + workedMs - waitedMs / this.#rest)
    this.#turn.workedMs += workedMs
    this.#turn.waitedMs += waitedMs
    this.#atMs = nowMs
    this.#countedMs = spentMs
  }
}

function ownLast(isLast: boolean): boolean {
  return sessionLast(process.pid, isLast)
}

/** What this process has computed so far. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
