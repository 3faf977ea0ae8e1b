/**
 * Which large objects are written past the kernel's cache (O_DIRECT). That takes a fraction of the processor, fills no
 * memory with what the mount's own page cache has already, and leaves next to nothing for an fsync. But a slow disk is
 * then waited for by those who did not ask. So both ways are timed, one block in `TRY` going the other way, and the cache is
 * used where it is much faster.
 */

/** One object in so many is written the other way. */
const TRY = 32
/** The cache has to be so much faster: what it takes in has still to be written. */
const MUCH = 2
/** Weight of the last object in the mean. */
const WEIGHT = 0.3
/** Smaller objects are not worth a wait for the disk. */
const LARGE = 1024 * 1024

export class DirectWrites {
  /** Mean milliseconds a byte; undefined before the first. */
  #direct: number | undefined
  #cached: number | undefined
  #impossible = false
  #count = 0

  /** Whether to write so many bytes past the cache. */
  choose(bytes: number): boolean {
    if (this.#impossible || bytes < LARGE) return false
    const isSlow =
      this.#direct !== undefined && this.#cached !== undefined && this.#direct > MUCH * this.#cached
    return ++this.#count % TRY === 0 ? isSlow : !isSlow
  }

  /** Writing so many bytes took `ms`. */
  took(direct: boolean, bytes: number, ms: number): void {
    if (bytes < LARGE) return
    if (direct) this.#direct = mean(this.#direct, ms / bytes)
    else this.#cached = mean(this.#cached, ms / bytes)
  }

  /** The file system or disk does not do it. */
  refused(): void {
    this.#impossible = true
  }
}

function mean(before: number | undefined, now: number): number {
  return before === undefined ? now : before + WEIGHT * (now - before)
}
