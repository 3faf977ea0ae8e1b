/**
 * Nodes without a name that somebody here still refers to: an open directory, a working directory, a descriptor
 * opened with O_PATH. Linux keeps such an inode; the format keeps only open files (sustained). So this client
 * remembers the last record of what it removed itself for as long as the kernel counts the inode.
 *
 * With the trash on the node stays, in the trash: then what is remembered is how many of its links went there
 * through this client, so that whoever has the file open sees that its name is gone (`st_nlink` 0).
 */
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { type NodeRecord, TYPE_DIRECTORY } from './records.ts'

/** Far more than anything holds; the oldest go first. */
const MAX_NODES = 100_000

export interface RemovedNode {
  /** With `nlink` 0. */
  record: NodeRecord
  /** Those set since; the stored ones went with the node. */
  readonly xattrs: Map<Name, Uint8Array>
}

export class RemovedNodes {
  readonly #nodes = new Map<Ino, RemovedNode>()
  readonly #trashed = new Map<Ino, number>()
  /** Whether the kernel refers to an inode. */
  isHeld: (ino: Ino) => boolean = () => false

  get(ino: Ino): RemovedNode | undefined {
    return this.#nodes.get(ino)
  }

  /** The node is deleted; `record` was its last. */
  deleted(ino: Ino, record: NodeRecord): void {
    this.#trashed.delete(ino)
    if (!this.isHeld(ino)) return
    this.#nodes.set(ino, { record: { ...record, nlink: 0 }, xattrs: new Map() })
    bound(this.#nodes)
  }

  /** A link of the node was moved into the trash (1), or out of it (-1). */
  trashed(ino: Ino, links: 1 | -1): void {
    const left = (this.#trashed.get(ino) ?? 0) + links
    if (left <= 0) this.#trashed.delete(ino)
    else if (this.isHeld(ino)) this.#trashed.set(ino, left)
    bound(this.#trashed)
  }

  /** It was moved to the trash here, and is still in use. */
  isTrashed(ino: Ino): boolean {
    return this.#trashed.size > 0 && this.#trashed.has(ino)
  }

  /** The record without links that are in the trash. @hot */
  shown(ino: Ino, record: NodeRecord): NodeRecord {
    if (this.#trashed.size === 0) return record
    const links = this.#trashed.get(ino)
    return links === undefined ? record : { ...record, nlink: linksLeft(record, links) }
  }

  /** The kernel refers to the inode no more. */
  forget(ino: Ino): void {
    if (this.#nodes.size > 0) this.#nodes.delete(ino)
    if (this.#trashed.size > 0) this.#trashed.delete(ino)
  }

  clear(): void {
    this.#nodes.clear()
    this.#trashed.clear()
  }
}

/** Directories count 2 while they have a name. */
function linksLeft({ type, nlink }: NodeRecord, trashed: number): number {
  return type === TYPE_DIRECTORY ? 0 : Math.max(0, nlink - trashed)
}

function bound(map: Map<Ino, unknown>): void {
  if (map.size > MAX_NODES) map.delete(map.keys().next().value!)
}
