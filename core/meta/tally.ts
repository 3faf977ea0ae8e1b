/**
 * What one commit adds to the accounts, summed so that a directory or an owner is changed once however many
 * entries move. Source: shared/spec/meta-records.md §15 ("What counts where").
 */
import type { Ino } from '#core/base/ino.ts'
import { type NodeRecord, spaceOf, TYPE_FILE } from './records.ts'
import type { MetaState } from './state.ts'
import type { Tx } from './tx.ts'

type Sized = Pick<NodeRecord, 'type' | 'length'>

/** Of an entry whose node is missing only the count is known. */
const MISSING: Sized = { type: TYPE_FILE, length: 0 }

export class Tally {
  readonly #dirs: { dir: Ino; length: number; space: number; inodes: number }[] = []
  readonly #owners: { uid: number; gid: number; space: number; inodes: number }[] = []

  /** An entry of the directory appears (+1) or goes (-1). */
  entry(dir: Ino, node: Sized | null, sign: 1 | -1): void {
    const of = node ?? MISSING
    let sum = this.#dirs.find((other) => other.dir === dir)
    if (sum === undefined) this.#dirs.push((sum = { dir, length: 0, space: 0, inodes: 0 }))
    if (of.type === TYPE_FILE) sum.length += sign * of.length
    sum.space += sign * spaceOf(of)
    sum.inodes += sign
  }

  /** A node appears in the volume (+1) or is gone for good (-1). */
  node(node: NodeRecord, sign: 1 | -1): void {
    let sum = this.#owners.find((other) => other.uid === node.uid && other.gid === node.gid)
    if (sum === undefined) this.#owners.push((sum = { uid: node.uid, gid: node.gid, space: 0, inodes: 0 }))
    sum.space += sign * spaceOf(node)
    sum.inodes += sign
  }

  /** Add the changes to the transaction. */
  async apply(state: MetaState, tx: Tx): Promise<void> {
    for (const { uid, gid, space, inodes } of this.#owners)
      tx.change(...state.accounts.volume(uid, gid, space, inodes))
    for (const { dir, length, space, inodes } of this.#dirs)
      if (length !== 0 || space !== 0 || inodes !== 0)
        await state.accounts.directory(tx, dir, length, space, inodes)
  }
}
