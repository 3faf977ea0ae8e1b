/** Advisory locks of the in-memory file system: POSIX ranges and whole-file flock, with waiting. */
import type { OpContext } from '#core/base/context.ts'
import { EAGAIN, EINTR, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { FileLock } from './filesystem.ts'

const F_WRLCK = 1
const F_UNLCK = 2

type Kind = 'posix' | 'flock'

interface Held extends FileLock {
  readonly owner: bigint
}

export class MemoryLocks {
  readonly #held = new Map<string, Held[]>()
  readonly #waiters = new Set<() => void>()

  /** A lock of another owner that stands in the way. */
  blocking(ino: Ino, kind: Kind, owner: bigint, lock: FileLock): FileLock | undefined {
    const held = this.#held.get(`${kind}${ino}`) ?? []
    return held.find(
      (other) =>
        other.owner !== owner && overlaps(other, lock) && (other.type === F_WRLCK || lock.type === F_WRLCK),
    )
  }

  /** Errors: EAGAIN when taken and not `wait`; EINTR. */
  async set(
    ctx: OpContext,
    ino: Ino,
    kind: Kind,
    owner: bigint,
    lock: FileLock,
    wait: boolean,
  ): Promise<void> {
    while (lock.type !== F_UNLCK && this.blocking(ino, kind, owner, lock) !== undefined) {
      if (!wait) throw fail(EAGAIN, 'setlk')
      await this.#change(ctx)
      if (ctx.interrupted) throw fail(EINTR, 'setlk')
    }
    this.#replace(ino, kind, owner, lock)
  }

  drop(ino: Ino, kind: Kind, owner: bigint): void {
    this.#replace(ino, kind, owner, { start: 0n, end: 2n ** 64n, type: F_UNLCK, pid: 0 })
  }

  /** What the owner holds in the range becomes `lock`; pieces beside it stay. */
  #replace(ino: Ino, kind: Kind, owner: bigint, lock: FileLock): void {
    const next: Held[] = []
    for (const held of this.#held.get(`${kind}${ino}`) ?? []) {
      if (held.owner !== owner || !overlaps(held, lock)) next.push(held)
      else {
        if (held.start < lock.start) next.push({ ...held, end: lock.start - 1n })
        if (held.end > lock.end) next.push({ ...held, start: lock.end + 1n })
      }
    }
    if (lock.type !== F_UNLCK) next.push({ ...lock, owner })
    if (next.length > 0) this.#held.set(`${kind}${ino}`, next)
    else this.#held.delete(`${kind}${ino}`)
    for (const wake of this.#waiters) wake()
  }

  #change(ctx: OpContext): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake)
        ctx.signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      ctx.signal.addEventListener('abort', wake, { once: true })
    })
  }
}

function overlaps(a: FileLock, b: FileLock): boolean {
  return a.start <= b.end && b.start <= a.end
}
