/** Which inodes this client has open, and which of those have no name any more. */
import type { Ino } from '#core/base/ino.ts'
import type { OpenFiles as Interface } from './state.ts'

interface Deletion {
  running: number
  readonly done: Promise<void>
  readonly finish: () => void
}

export class OpenFiles implements Interface {
  readonly #counts = new Map<Ino, number>()
  readonly #orphans = new Set<Ino>()
  readonly #deletions = new Map<Ino, Deletion>()

  get size(): number {
    return this.#counts.size
  }

  open(ino: Ino): number {
    const count = (this.#counts.get(ino) ?? 0) + 1
    this.#counts.set(ino, count)
    return count
  }

  close(ino: Ino): boolean {
    const count = this.#counts.get(ino) ?? 0
    if (count > 1) {
      this.#counts.set(ino, count - 1)
      return false
    }
    this.#counts.delete(ino)
    return this.#orphans.delete(ino)
  }

  isOpen(ino: Ino): boolean {
    return this.#counts.has(ino)
  }

  orphan(ino: Ino): void {
    this.#orphans.add(ino)
  }

  isOrphan(ino: Ino): boolean {
    return this.#orphans.has(ino)
  }

  adopt(ino: Ino): void {
    this.#orphans.delete(ino)
  }

  removing(ino: Ino): () => void {
    const deletion = this.#deletions.get(ino) ?? this.#begin(ino)
    deletion.running++
    return () => {
      if (--deletion.running > 0) return
      this.#deletions.delete(ino)
      deletion.finish()
    }
  }

  settled(ino: Ino): Promise<void> | undefined {
    return this.#deletions.get(ino)?.done
  }

  #begin(ino: Ino): Deletion {
    const { promise, resolve } = Promise.withResolvers<void>()
    const deletion = { running: 0, done: promise, finish: resolve }
    this.#deletions.set(ino, deletion)
    return deletion
  }
}
