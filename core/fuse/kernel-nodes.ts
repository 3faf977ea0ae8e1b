/**
 * What the kernel holds of our inodes: how often it counts each (FORGET gives back), and the length and time of
 * data that it was last told, so that an open can tell whether what it caches is still so.
 */
import { type Ino, isTrash } from '#core/base/ino.ts'

/** What of a file's attributes changes with its data. */
export interface DataAttr {
  readonly length: number
  readonly mtime: number
  readonly mtimeNsec: number
}

interface Known {
  count: number
  /** Found in the trash, rather than moved there while the kernel knows it by another name. */
  inTrash: boolean
  length: number
  mtime: number
  mtimeNsec: number
  /** The kernel's `i_size`, where an append goes: what it was told, moved on by its writes. */
  size: number
}

export class KernelNodes {
  readonly #known = new Map<Ino, Known>()

  /** Inodes that the kernel knows. */
  get size(): number {
    return this.#known.size
  }

  /** The kernel counts the inode once more, and learns `record`. @hot */
  entered(ino: Ino, record: DataAttr & { readonly parent: Ino }): void {
    const known = this.#known.get(ino)
    const { length, mtime, mtimeNsec } = record
    const inTrash = isTrash(record.parent)
    if (known === undefined)
      this.#known.set(ino, { count: 1, inTrash, length, mtime, mtimeNsec, size: length })
    else {
      known.count++
      known.inTrash = inTrash
      known.length = length
      known.mtime = mtime
      known.mtimeNsec = mtimeNsec
      known.size = length
    }
  }

  /** The kernel learns `record`. */
  told(ino: Ino, record: DataAttr): void {
    const known = this.#known.get(ino)
    if (known === undefined) return
    known.length = record.length
    known.mtime = record.mtime
    known.mtimeNsec = record.mtimeNsec
    known.size = record.length
  }

  /** A write up to `end` is answered: the kernel has dropped length and times itself. @hot */
  wrote(ino: Ino, end: number): void {
    const known = this.#known.get(ino)
    if (known === undefined) return
    known.length = -1
    if (end > known.size) known.size = end
  }

  /** False, once, when an append by the kernel would not go to the end: the file has another length. */
  appendsAt(ino: Ino, length: number): boolean {
    const known = this.#known.get(ino)
    if (known === undefined || known.size === length) return true
    known.size = length
    return false
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

  /** The kernel found the inode in the trash when it last looked. */
  metInTrash(ino: Ino): boolean {
    return this.#known.get(ino)?.inTrash === true
  }

  /** True when the kernel does not know the inode any more. */
  forget(ino: Ino, n: number): boolean {
    const known = this.#known.get(ino)
    if (known === undefined) return false
    known.count -= n
    return known.count <= 0 && this.#known.delete(ino)
  }
}
