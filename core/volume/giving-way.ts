/**
 * Work in a thread beside a mount gives way to it: of the time it takes half of a core while nobody uses the mount, and a
 * twentieth while somebody does. The mount says which in memory that both see.
 */

import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { systemClock } from '#core/base/clock.ts'

const LOOK_MS = 50
/** Rest for each millisecond of work. */
const REST = { idle: 1, used: 20 }
const LOWEST = 19

/** Of the mount: looks now and then whether requests came. */
export class UseWatch {
  /** One 32-bit number: not 0 while the mount is used. */
  readonly memory = new SharedArrayBuffer(4)
  readonly #flag = new Int32Array(this.memory)
  readonly #served: () => number
  #before = 0
  #timer: NodeJS.Timeout | undefined

  /** `served`: requests answered so far. */
  constructor(served: () => number) {
    this.#served = served
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const served = this.#served()
    Atomics.store(this.#flag, 0, served === this.#before ? 0 : 1)
    this.#before = served
  }
}

/** Rest after work of `busyMs`, by the memory of the mount's `UseWatch`. Errors: AbortError. */
export async function giveWay(flag: Int32Array, busyMs: number, signal: AbortSignal): Promise<void> {
  for (let restedMs = 0; ; ) {
    const leftMs = busyMs * (Atomics.load(flag, 0) === 0 ? REST.idle : REST.used) - restedMs
    if (leftMs <= 0) return
    const ms = Math.min(leftMs, LOOK_MS)
    await systemClock.sleep(ms, signal)
    restedMs += ms
  }
}

/** This thread runs when nothing else wants its processor (Linux: each thread has a priority of its own). */
export function comeLast(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), LOWEST)
  } catch {
    // it stays among equals
  }
}
