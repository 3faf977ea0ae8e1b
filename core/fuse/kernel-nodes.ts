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
  /** The kernel's `i_size`, where an append goes: what it was told, moved on by its writes. UNSURE: it may not have listened. */
  size: number
  /** Notices to the kernel about the inode that are on their way, and the number of the last that arrived. */
  noticesUnderWay: number
  whenArrived: (() => void)[]
  lastNotice: number
  /** An open for appending was sent back to look the length up. */
  sentBack: boolean
}

const UNSURE = -1

export class KernelNodes {
  readonly #known = new Map<Ino, Known>()
  #notices = 0

  /** Inodes that the kernel knows. */
  get size(): number {
    return this.#known.size
  }

  /** Number of the last notice that arrived; note it before a request is answered with attributes. */
  get notices(): number {
    return this.#notices
  }

  /**
   * A notice about the inode is sent; call what is returned once the kernel has it. Attributes in the answer to a
   * request that was made before are not taken by the kernel: they might be older (fs/fuse/inode.c, `attr_version`).
   */
  noticing(ino: Ino): () => void {
    const known = this.#known.get(ino)
    if (known === undefined) return () => {}
    known.noticesUnderWay++
    return () => {
      known.lastNotice = ++this.#notices
      if (--known.noticesUnderWay === 0) for (const arrived of known.whenArrived.splice(0)) arrived()
    }
  }

  /** Resolves when no notice about the inode is under way. */
  async noticed(ino: Ino): Promise<void> {
    const known = this.#known.get(ino)
    if (known === undefined || known.noticesUnderWay === 0) return
    await new Promise<void>((resolve) => known.whenArrived.push(resolve))
  }

  /** The kernel counts the inode once more, and learns `record`; asked when `notices` was `began`. @hot */
  entered(ino: Ino, record: DataAttr & { readonly parent: Ino }, began: number): void {
    const known = this.#known.get(ino)
    const { length, mtime, mtimeNsec } = record
    const inTrash = isTrash(record.parent)
    if (known === undefined)
      this.#known.set(ino, {
        count: 1,
        inTrash,
        length,
        mtime,
        mtimeNsec,
        size: length,
        noticesUnderWay: 0,
        whenArrived: [],
        lastNotice: 0,
        sentBack: false,
      })
    else {
      known.count++
      known.inTrash = inTrash
      known.length = length
      known.mtime = mtime
      known.mtimeNsec = mtimeNsec
      known.size = isHeard(known, began) ? length : UNSURE
    }
  }

  /** The kernel learns `record`; asked when `notices` was `began`. */
  told(ino: Ino, record: DataAttr, began: number): void {
    const known = this.#known.get(ino)
    if (known === undefined) return
    known.length = record.length
    known.mtime = record.mtime
    known.mtimeNsec = record.mtimeNsec
    known.size = isHeard(known, began) ? record.length : UNSURE
  }

  /** A write up to `end` is answered: the kernel has dropped length and times itself. @hot */
  wrote(ino: Ino, end: number): void {
    const known = this.#known.get(ino)
    if (known === undefined) return
    known.length = -1
    if (known.size !== UNSURE && end > known.size) known.size = end
  }

  /**
   * False when an append by the kernel may not go to the end, the file having another length; never twice in a row, as
   * the kernel looks a name up again only once.
   */
  appendsAt(ino: Ino, length: number): boolean {
    const known = this.#known.get(ino)
    if (known === undefined) return true
    known.sentBack = known.size !== length && !known.sentBack
    return !known.sentBack
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

function isHeard({ noticesUnderWay, lastNotice }: Known, began: number): boolean {
  return noticesUnderWay === 0 && lastNotice <= began
}
