/**
 * Directory quotas when entries change places: nothing to do while both places have the same nearest quota, since
 * then every quota above counts them before and after. Source: shared/spec/fs-semantics.md §4.2 (rename).
 */
import type { Ino } from '#core/base/ino.ts'
import { type Entry, spaceOf, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'
import { summary } from './summary.ts'

interface Size {
  readonly space: number
  readonly inodes: number
}

const NOTHING: Size = { space: 0, inodes: 0 }

/** One rename's, over all tries: trees are measured once. */
export class QuotaMove {
  readonly #state: MetaState
  readonly #trees = new Map<Ino, Size>()

  constructor(state: MetaState) {
    this.#state = state
  }

  /**
   * `moved` goes from one directory to another; `target` leaves it, for the other place when they are exchanged.
   * Refuses growth beyond a limit (EDQUOT), and adds what lies below moved directories to `tx`: the entries
   * themselves are counted with the directory statistics.
   */
  async move(
    tx: Tx,
    from: Ino,
    to: Ino,
    moved: Entry,
    target: Entry | null,
    exchange: boolean,
  ): Promise<void> {
    const { accounts } = this.#state
    if ((await accounts.nearestQuota(from)) === (await accounts.nearestQuota(to))) return
    const coming = await this.#sizeOf(moved)
    const leaving = target === null ? NOTHING : await this.#sizeOf(target)
    const space = coming.space - leaving.space
    const inodes = coming.inodes - leaving.inodes
    await accounts.checkDirectory('rename', to, space, inodes)
    if (exchange) await accounts.checkDirectory('rename', from, -space, -inodes)
    await this.#carryBelow(tx, from, to, moved, coming)
    if (exchange && target !== null) await this.#carryBelow(tx, to, from, target, leaving)
  }

  async #carryBelow(tx: Tx, from: Ino, to: Ino, { type }: Entry, { space, inodes }: Size): Promise<void> {
    if (type !== TYPE_DIRECTORY) return
    await this.#state.accounts.quotas(tx, from, 4096 - space, 1 - inodes)
    await this.#state.accounts.quotas(tx, to, space - 4096, inodes - 1)
  }

  async #sizeOf({ ino, type, node }: Entry): Promise<Size> {
    if (type !== TYPE_DIRECTORY) return { space: spaceOf(node ?? { type, length: 0 }), inodes: 1 }
    let size = this.#trees.get(ino)
    if (size === undefined) {
      const { space, files, dirs } = await summary(this.#state, ino, { recursive: true, strict: false })
      this.#trees.set(ino, (size = { space, inodes: files + dirs }))
    }
    return size
  }
}
