/**
 * System calls made on the event loop. To hand one to libuv's pool and to be told of its end costs 40 µs and more, several
 * times what a call on a file of this machine takes. But it may stall (a full journal, pages to be written back first),
 * and the whole mount with it: so only where the files lie on a disk of this machine, and after a slow call not again
 * for a while, which bounds the time lost to a fiftieth.
 */
import * as fs from 'node:fs'
import type { Clock } from '#core/base/clock.ts'

/** A call of `t` milliseconds is followed by a rest of `REST` × t, unless it took no longer than usual. */
const REST = 50
const USUAL_MS = 2
/** Of statfs(2): ext2 to ext4, XFS, Btrfs, F2FS, bcachefs, ZFS, tmpfs, overlay. Others may be at the end of a network. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0xca451a4e, 0x2fc12fc1, 0x01021994, 0x794c7630,
])

export class LoopCalls {
  readonly #folder: string
  readonly #clock: Clock
  /** Undefined until asked for. */
  #isLocal: boolean | undefined
  #restUntilMs = 0

  /** For files below `folder`. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  /** Whether the files are known to lie on a disk of this machine, or in its memory. */
  get isLocal(): boolean {
    if (this.#isLocal === undefined) this.#ask()
    return this.#isLocal === true
  }

  /** Whether `run` may be called now. */
  get allowed(): boolean {
    return this.isLocal && this.#clock.monotonicMs() >= this.#restUntilMs
  }

  run<T>(calls: () => T): T {
    const start = this.#clock.monotonicMs()
    try {
      return calls()
    } finally {
      const end = this.#clock.monotonicMs()
      if (end - start > USUAL_MS) this.#restUntilMs = end + REST * (end - start)
    }
  }

  #ask(): void {
    this.#isLocal = false
    fs.statfs(this.#folder, (error, stats) => {
      this.#isLocal = error === null && LOCAL.has(stats.type)
    })
  }
}
