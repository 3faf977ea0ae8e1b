/**
 * How an entry leaves its directory, for unlink, rmdir, rename over something, and removal of trees: into the
 * trash, as one link less, kept without a name while open here, or for good.
 *
 * One `Removal` lives as long as its operation, over all tries. Two answers are guessed at the first try, which
 * saves a round trip: a directory is empty, a trash name is free. A guard checks both, and a later try asks.
 *
 * Source: shared/spec/fs-semantics.md §5.7 (destination), §6, §7.
 */

import type { Time } from '#core/base/clock.ts'
import { ENOTEMPTY, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Removed } from '../api.ts'
import { changed, missingNode } from '../node.ts'
import { type Entry, FLAG_SKIP_TRASH, type NodeRecord, TYPE_FILE, TYPE_SYMLINK } from '../records.ts'
import type { MetaState } from '../state.ts'
import type { Tally } from '../tally.ts'
import { hourDirectory, keepsTrash, trashName } from '../trash-hour.ts'
import type { Tx } from '../tx.ts'
import { deleteSustained } from './sustained.ts'

export interface RemovalOptions {
  readonly skipTrash?: boolean
  /** Whatever the attribute flags of node and directory say: for what nobody can see any more. */
  readonly force?: boolean
}

/** One try of the operation. */
export interface Attempt {
  readonly tx: Tx
  readonly tally: Tally
  readonly now: Time
}

export class Removal {
  readonly #state: MetaState
  readonly #op: string
  readonly #skipTrash: boolean
  readonly #deleting = new Map<Ino, () => void>()
  #tries = 0

  constructor(state: MetaState, op: string, skipTrash: boolean) {
    this.#state = state
    this.#op = op
    this.#skipTrash = skipTrash
  }

  /** A try begins. */
  begin(): void {
    this.#tries++
  }

  /** The operation is over: let opens of the files it deleted go on. */
  end(): void {
    for (const done of this.#deleting.values()) done()
    this.#deleting.clear()
  }

  /**
   * Guard the node, and change everything but the entry itself and its directory's node: node, trash entry,
   * data, accounts. `node` null: the entry dangles.
   */
  async file(by: Attempt, parent: Ino, name: Name, entry: Entry): Promise<Removed> {
    const { tx, tally } = by
    const { ino, node } = entry
    tx.nodeIs(ino, node)
    tally.entry(parent, node, -1)
    if (node === null) return { ino, node: missingNode(entry.type), gone: true }
    if (isTrash(parent)) tx.onCommit(() => this.#state.removed.trashed(ino, -1))
    const hour = await this.#trashFor(by, parent, name, ino, node)
    if (hour !== undefined) return this.#moveFile(by, parent, name, ino, node, hour)
    if (node.nlink > 1) return this.#dropLink(by, parent, ino, node)
    if (node.type === TYPE_FILE && this.#state.openFiles.isOpen(ino) && this.#state.sid !== 0)
      return this.#sustain(by, ino, node)
    return this.#delete(by, ino, node)
  }

  /** The same for a directory, which must be empty: ENOTEMPTY. */
  async directory(by: Attempt, parent: Ino, name: Name, entry: Entry): Promise<Removed> {
    const { tx, tally } = by
    const { ino, node } = entry
    if (tx.metEntries(ino)) throw fail(ENOTEMPTY, this.#op)
    tx.guard({ kind: 'emptyDir', ino })
    tx.nodeIs(ino, node)
    tally.entry(parent, node ?? { type: entry.type, length: 0 }, -1)
    tx.change({ kind: 'delDirStat', ino }, { kind: 'delQuota', of: 'dir', id: ino })
    if (node === null) return { ino, node: missingNode(entry.type), gone: true }
    const hour = await this.#trashFor(by, parent, name, ino, node)
    if (hour !== undefined) return this.#moveDirectory(by, parent, name, ino, node, hour)
    tx.change({ kind: 'delNode', ino }, { kind: 'delXattrs', ino })
    tally.node(node, -1)
    return this.#gone(by, ino, node)
  }

  /** The hour directory to move the entry to; undefined: it does not go to the trash. */
  async #trashFor(
    by: Attempt,
    parent: Ino,
    name: Name,
    ino: Ino,
    node: NodeRecord,
  ): Promise<Ino | undefined> {
    if (this.#skipTrash || (node.flags & FLAG_SKIP_TRASH) !== 0 || !keepsTrash(this.#state, parent))
      return undefined
    const hour = await hourDirectory(this.#state)
    const key = { kind: 'edge', parent: hour, name: trashName(parent, ino, name) } as const
    if (this.#tries > 1 && (await by.tx.read([key]))[0] !== null) return undefined
    return hour
  }

  #moveFile(by: Attempt, parent: Ino, name: Name, ino: Ino, node: NodeRecord, hour: Ino): Removed {
    const moved = { ...changed(node, by.now), parent: node.parent === 0 ? 0 : hour }
    this.#moveToTrash(by, parent, name, ino, moved, hour)
    if (node.parent === 0)
      by.tx.change(
        { kind: 'addParent', ino, parent: hour, add: 1 },
        { kind: 'addParent', ino, parent, add: -1 },
      )
    return { ino, node: moved, gone: false }
  }

  #moveDirectory(by: Attempt, parent: Ino, name: Name, ino: Ino, node: NodeRecord, hour: Ino): Removed {
    const moved = { ...changed(node, by.now), parent: hour }
    this.#moveToTrash(by, parent, name, ino, moved, hour)
    return { ino, node: moved, gone: false }
  }

  #moveToTrash(by: Attempt, parent: Ino, name: Name, ino: Ino, node: NodeRecord, hour: Ino): void {
    const kept = trashName(parent, ino, name)
    by.tx.edgeIs(hour, kept, null)
    by.tx.change(
      { kind: 'putNode', ino, node },
      { kind: 'putEdge', parent: hour, name: kept, edge: { ino, type: node.type } },
    )
    by.tally.entry(hour, node, 1)
    by.tx.onCommit(() => this.#state.removed.trashed(ino, 1))
  }

  #dropLink(by: Attempt, parent: Ino, ino: Ino, node: NodeRecord): Removed {
    const left = { ...changed(node, by.now), nlink: node.nlink - 1 }
    by.tx.change({ kind: 'putNode', ino, node: left })
    if (node.parent === 0) by.tx.change({ kind: 'addParent', ino, parent, add: -1 })
    return { ino, node: left, gone: false }
  }

  #sustain(by: Attempt, ino: Ino, node: NodeRecord): Removed {
    const { openFiles, sid, tasks } = this.#state
    const left = { ...changed(node, by.now), nlink: 0 }
    by.tx.change({ kind: 'putNode', ino, node: left }, { kind: 'putSustained', sid, ino })
    if (node.parent === 0) by.tx.change({ kind: 'delParents', ino })
    by.tx.onCommit(() => {
      if (openFiles.isOpen(ino)) openFiles.orphan(ino)
      else tasks.start('delete of an unlinked file', () => deleteSustained(this.#state, sid, ino))
    })
    return { ino, node: left, gone: true }
  }

  #delete(by: Attempt, ino: Ino, node: NodeRecord): Removed {
    const { tx } = by
    if (node.type === TYPE_FILE) {
      this.#announce(ino)
      const file = { ino, length: node.length, deleted: by.now.sec }
      tx.change({ kind: 'putDeletedFile', file })
      tx.onCommit(() => this.#state.deletions.file(ino, node.length))
    }
    if (node.type === TYPE_SYMLINK) tx.change({ kind: 'delSymlink', ino })
    tx.change({ kind: 'delNode', ino }, { kind: 'delXattrs', ino })
    if (node.parent === 0) tx.change({ kind: 'delParents', ino })
    by.tally.node(node, -1)
    return this.#gone(by, ino, node)
  }

  #gone({ tx, now }: Attempt, ino: Ino, node: NodeRecord): Removed {
    const last = { ...changed(node, now), nlink: 0 }
    tx.onCommit(() => this.#state.removed.deleted(ino, last))
    return { ino, node: last, gone: true }
  }

  /** An open of the file that comes now waits for what becomes of it. */
  #announce(ino: Ino): void {
    if (!this.#deleting.has(ino)) this.#deleting.set(ino, this.#state.openFiles.removing(ino))
  }
}
