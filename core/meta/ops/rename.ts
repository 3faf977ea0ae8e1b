/**
 * rename. Read: both directories and both entries at once; one commit.
 *
 * A directory that gets another parent could be moved below itself by two clients at once. So every ancestor of
 * its new parent is read, refused when it is the moved one (EINVAL), and guarded up to the root.
 *
 * Source: shared/spec/fs-semantics.md §5.9, meta-redis.md §3.0; order of refusals and errno as Linux has them
 * (fs/namei.c do_renameat2, vfs_rename).
 */
import type { OpContext } from '#core/base/context.ts'
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_RESTORE, type Removed, type Renamed } from '../api.ts'
import { checkNewName, namesTrash } from '../names.ts'
import { changed } from '../node.ts'
import {
  liesInTrash,
  MAY_EXEC,
  MAY_WRITE,
  requireAccess,
  requireChange,
  requireRemovable,
} from '../permission.ts'
import { type Entry, type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run, type Tx } from '../tx.ts'
import { guardAncestors } from './ancestors.ts'
import { directory, touchParent } from './parent.ts'
import { QuotaMove } from './quota-move.ts'
import { type Attempt, Removal } from './removal.ts'
import { checkRemoval } from './unlink.ts'

const ALLOWED = new Set([0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_RESTORE])

/** An entry that exists with its node. */
interface Linked extends Entry {
  readonly node: NodeRecord
}

/** One end of the move. */
interface Place {
  readonly parent: Ino
  readonly name: Name
}

/** What a try has read and found allowed. */
interface Move {
  readonly from: Place & { readonly dir: NodeRecord; readonly entry: Linked }
  readonly to: Place & { readonly dir: NodeRecord; readonly entry: Entry | null }
  readonly exchange: boolean
  readonly across: boolean
}

export async function rename(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  toParent: Ino,
  toName: Name,
  flags: number,
): Promise<Renamed> {
  checkRemoval('rename', ctx, parent, name)
  checkNewName('rename', toName)
  if (isTrash(toParent) || namesTrash(toParent, toName)) throw fail(EPERM, 'rename', 'into the trash')
  if (parent === TRASH_INO) throw fail(EPERM, 'rename', 'hour directory of the trash')
  if (!ALLOWED.has(flags)) throw fail(EINVAL, 'rename', `flags ${flags}`)
  const rename = new Rename(state, ctx, { parent, name }, { parent: toParent, name: toName }, flags)
  return rename.run()
}

class Rename {
  readonly #state: MetaState
  readonly #ctx: OpContext
  readonly #from: Place
  readonly #to: Place
  readonly #flags: number
  readonly #removal: Removal
  readonly #quotas: QuotaMove

  constructor(state: MetaState, ctx: OpContext, from: Place, to: Place, flags: number) {
    this.#state = state
    this.#ctx = ctx
    this.#from = from
    this.#to = to
    this.#flags = flags
    this.#removal = new Removal(state, 'rename', false)
    this.#quotas = new QuotaMove(state)
  }

  async run(): Promise<Renamed> {
    try {
      return await run(this.#state, 'rename', async (tx) => {
        const move = await this.#decide(tx)
        if ('moved' in move) return move
        this.#removal.begin()
        const by = { tx, tally: new Tally(), now: this.#state.clock.now() }
        return this.#apply(by, move)
      })
    } finally {
      this.#removal.end()
    }
  }

  /** Read, and refuse what is not allowed. A rename that changes nothing is answered at once. */
  async #decide(tx: Tx): Promise<Move | Renamed> {
    const [fromDir, toDir, fromEntry, toEntry] = await tx.read([
      { kind: 'node', ino: this.#from.parent },
      { kind: 'node', ino: this.#to.parent },
      { kind: 'entry', ...this.#from },
      { kind: 'entry', ...this.#to },
    ])
    const from = { ...this.#from, dir: directory('rename', fromDir) }
    const to = { ...this.#to, dir: directory('rename', toDir), entry: toEntry }
    const exchange = this.#flags === RENAME_EXCHANGE
    for (const { dir } of [from, to]) await requireAccess(this.#state, this.#ctx, 'rename', dir, MAY_EXEC)
    if (fromEntry === null) throw fail(ENOENT, 'rename')
    const { node, ino } = fromEntry
    if (node === null) throw fail(ENOENT, 'rename', `ino ${ino} has no node`)
    if (liesInTrash(to.dir) && (this.#flags & RENAME_RESTORE) === 0)
      throw fail(ENOENT, 'rename', 'directory lies in the trash')
    if (toEntry !== null && (this.#flags & RENAME_NOREPLACE) !== 0) throw fail(EEXIST, 'rename')
    if (toEntry === null && exchange) throw fail(ENOENT, 'rename')
    if (toEntry?.ino === ino) return { moved: { ino, node } }
    const across = from.parent !== to.parent
    const move = { from: { ...from, entry: { ...fromEntry, node } }, to, exchange, across }
    if (across) await this.#guardLoops(tx, move)
    await this.#authorize(move)
    return move
  }

  async #authorize({ from, to, exchange, across }: Move): Promise<void> {
    const ctx = this.#ctx
    await requireChange(this.#state, ctx, 'rename', from.dir, true)
    requireRemovable(ctx, 'rename', from.dir, from.entry.node)
    await requireChange(this.#state, ctx, 'rename', to.dir, to.entry !== null)
    if (to.entry?.node) requireRemovable(ctx, 'rename', to.dir, to.entry.node)
    if (to.entry !== null && !exchange) {
      if (isDir(from.entry) && !isDir(to.entry)) throw fail(ENOTDIR, 'rename')
      if (!isDir(from.entry) && isDir(to.entry)) throw fail(EISDIR, 'rename')
    }
    if (!across) return
    // Its `..` changes, which Linux counts as writing to it.
    for (const { entry } of exchange ? [from, to] : [from])
      if (entry?.node && isDir(entry)) await requireAccess(this.#state, ctx, 'rename', entry.node, MAY_WRITE)
  }

  async #guardLoops(tx: Tx, { from, to, exchange }: Move): Promise<void> {
    if (isDir(from.entry)) await guardAncestors(tx, from.entry.ino, to.parent, to.dir)
    if (exchange && to.entry !== null && isDir(to.entry))
      await guardAncestors(tx, to.entry.ino, from.parent, from.dir)
  }

  async #apply(by: Attempt, move: Move): Promise<Renamed> {
    const { tx } = by
    const { from, to } = move
    tx.nodeLike(from.parent, from.dir)
    if (move.across) tx.nodeLike(to.parent, to.dir)
    tx.edgeIs(from.parent, from.name, edgeOf(from.entry))
    tx.edgeIs(to.parent, to.name, to.entry === null ? null : edgeOf(to.entry))
    const target = move.exchange ? this.#exchange(by, move) : await this.#replace(by, move)
    tx.nodeIs(from.entry.ino, from.entry.node)
    if (isTrash(from.parent)) tx.onCommit(() => this.#state.removed.trashed(from.entry.ino, -1))
    const moved = relocate(by, from.entry, from, to)
    tx.change({ kind: 'putEdge', parent: to.parent, name: to.name, edge: edgeOf(from.entry) })
    this.#touch(by, move)
    await this.#account(by, move)
    return { moved: { ino: from.entry.ino, node: moved }, target }
  }

  #exchange(by: Attempt, { from, to }: Move): Removed {
    const { tx } = by
    const { ino, node } = to.entry!
    if (node === null) throw fail(ENOENT, 'rename', `ino ${ino} has no node`)
    tx.nodeIs(ino, node)
    tx.change({ kind: 'putEdge', parent: from.parent, name: from.name, edge: edgeOf(to.entry!) })
    return { ino, node: relocate(by, { ...to.entry!, node }, to, from), gone: false }
  }

  async #replace(by: Attempt, { from, to }: Move): Promise<Removed | undefined> {
    by.tx.change({ kind: 'delEdge', parent: from.parent, name: from.name })
    if (to.entry === null) return undefined
    if (isDir(to.entry)) return this.#removal.directory(by, to.parent, to.name, to.entry)
    return this.#removal.file(by, to.parent, to.name, to.entry)
  }

  #touch({ tx, now }: Attempt, { from, to, exchange, across }: Move): void {
    const moved = isDir(from.entry) ? 1 : 0
    const target = to.entry !== null && isDir(to.entry) ? 1 : 0
    if (!across) {
      touchParent(this.#state, tx, to.parent, to.dir, exchange ? 0 : -target, now)
      return
    }
    touchParent(this.#state, tx, from.parent, from.dir, exchange ? target - moved : -moved, now)
    touchParent(this.#state, tx, to.parent, to.dir, moved - target, now)
  }

  /** Statistics follow each entry, quotas whatever lies below it. A replaced target has its own way out. */
  async #account({ tx, tally }: Attempt, { from, to, exchange, across }: Move): Promise<void> {
    if (across) {
      tally.entry(from.parent, from.entry.node, -1)
      tally.entry(to.parent, from.entry.node, 1)
      if (exchange) {
        tally.entry(to.parent, to.entry!.node, -1)
        tally.entry(from.parent, to.entry!.node, 1)
      }
      await this.#quotas.move(tx, from.parent, to.parent, from.entry, to.entry, exchange)
    }
    await tally.apply(this.#state, tx)
  }
}

/** Put the node with its new parent; parents of hard-linked nodes are counted instead. */
function relocate({ tx, now }: Attempt, { ino, node }: Linked, from: Place, to: Place): NodeRecord {
  const across = from.parent !== to.parent
  const moved = { ...changed(node, now), parent: across && node.parent !== 0 ? to.parent : node.parent }
  tx.change({ kind: 'putNode', ino, node: moved })
  if (across && node.parent === 0)
    tx.change(
      { kind: 'addParent', ino, parent: to.parent, add: 1 },
      { kind: 'addParent', ino, parent: from.parent, add: -1 },
    )
  return moved
}

function isDir({ type }: Entry): boolean {
  return type === TYPE_DIRECTORY
}

function edgeOf({ ino, type }: Entry): { ino: Ino; type: Entry['type'] } {
  return { ino, type }
}
