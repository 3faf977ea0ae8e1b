/**
 * What the kernel holds of our inodes: how often it counts each (FORGET gives back), and the length and time of
 * data that it was last told, so that an open can tell whether what it caches is still so.
 */
import type { Ino } from '#core/base/ino.ts'

/** What of a file's attributes changes with its data. */
export interface DataAttr {
  readonly length: number
  readonly mtime: number
  readonly mtimeNsec: number
}

interface Known {
  count: number
  length: number
  mtime: number
  mtimeNsec: number
}

export class KernelNodes {
  readonly #known = new Map<Ino, Known>()

  /** Inodes that the kernel knows. */
  get size(): number {
    return this.#known.size
  }

  /** The kernel counts the inode once more, and learns `record`. @hot */
  entered(ino: Ino, record: DataAttr): void {
    const known = this.#known.get(ino)
    const { length, mtime, mtimeNsec } = record
    if (known === undefined) this.#known.set(ino, { count: 1, length, mtime, mtimeNsec })
    else {
      known.count++
      known.length = length
      known.mtime = mtime
      known.mtimeNsec = mtimeNsec
    }
  }

  /** The kernel learns `record`. */
  told(ino: Ino, record: DataAttr): void {
    const known = this.#known.get(ino)
    if (known === undefined) return
    known.length = record.length
    known.mtime = record.mtime
    known.mtimeNsec = record.mtimeNsec
  }

  /** A write was answered: the kernel has dropped length and times itself. @hot */
  dropped(ino: Ino): void {
    const known = this.#known.get(ino)
    if (known !== undefined) known.length = -1
  }

  /** False when the kernel may hold older attributes than `record`. */
  isCurrent(ino: Ino, record: DataAttr): boolean {
    const known = this.#known.get(ino)
    if (known === undefined) return false
    if (known.length < 0) return true
    return (
      known.length === record.length && known.mtimeNsec === record.mtimeNsec && known.mtime === record.mtime
    )
  }

  /** The connection is gone, and every count with it. */
  clear(): void {
    this.#known.clear()
  }

  has(ino: Ino): boolean {
    return this.#known.has(ino)
  }

  /** True when the kernel does not know the inode any more. */
  forget(ino: Ino, n: number): boolean {
    const known = this.#known.get(ino)
    if (known === undefined) return false
    known.count -= n
    return known.count <= 0 && this.#known.delete(ino)
  }
}
