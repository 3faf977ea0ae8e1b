/**
 * Removing a tree: files a hundred a commit, directories from below, several at once. What was removed before an
 * error stays removed. Source: shared/spec/admin-tools.md §10.2.
 */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, ENOTEMPTY, EPERM, FsError, fail } from '#core/base/errno.ts'
import { Fan } from '#core/base/fan.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { DirItem } from '../api.ts'
import { entriesAtOnce } from '../engine.ts'
import { requireChange, requireRemovable } from '../permission.ts'
import { TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { directory } from './parent.ts'
import { readdir } from './readdir.ts'
import type { RemovalOptions } from './removal.ts'
import { rmdir } from './rmdir.ts'
import { checkRemoval, unlink, unlinkMany } from './unlink.ts'
import { type Step, stepInto } from './walk.ts'

/** `skipTrash`: root only. */
export interface RemoveOptions extends RemovalOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (removed: number) => void
}

const PAGE = 1000
const BATCH = 100
const WIDTH = 10

/** A directory that others keep filling is emptied this often before ENOTEMPTY. */
const MAX_ROUNDS = 10

/**
 * Remove an entry and everything below it; returns entries removed. An hour directory of the trash is only
 * emptied. Errors: those of unlink, rmdir and readdir; the signal's reason.
 */
export async function removeTree(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  options: RemoveOptions = {},
): Promise<number> {
  const { skipTrash = false } = options
  checkRemoval('rmr', ctx, parent, name)
  if (skipTrash && ctx.uid !== 0) throw fail(EPERM, 'rmr', 'only root may skip the trash')
  const [record, entry] = await state.engine.read([
    { kind: 'node', ino: parent },
    { kind: 'entry', parent, name },
  ])
  const dir = directory('rmr', record)
  if (entry === null) throw fail(ENOENT, 'rmr')
  await requireChange(state, ctx, 'rmr', dir, true)
  if (entry.node !== null) requireRemovable(ctx, 'rmr', dir, entry.node)
  const remover = new Remover(state, ctx, options)
  if (entry.type !== TYPE_DIRECTORY) await remover.file(parent, name)
  else if (parent === TRASH_INO) await remover.empty({ ino: entry.ino })
  else await remover.tree(parent, name, { ino: entry.ino })
  return remover.removed
}

/** Remove everything below a directory; returns entries removed. */
export async function emptyTree(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  options: RemoveOptions = {},
): Promise<number> {
  const remover = new Remover(state, ctx, options)
  await remover.empty({ ino })
  return remover.removed
}

class Remover {
  removed = 0
  readonly #state: MetaState
  readonly #ctx: OpContext
  readonly #options: RemoveOptions
  readonly #fan = new Fan(WIDTH)

  constructor(state: MetaState, ctx: OpContext, options: RemoveOptions) {
    this.#state = state
    this.#ctx = ctx
    this.#options = options
  }

  async file(parent: Ino, name: Name): Promise<void> {
    await unlink(this.#state, this.#ctx, parent, name, this.#options)
    this.#count(1)
  }

  async tree(parent: Ino, name: Name, step: Step): Promise<void> {
    for (let round = 1; ; round++) {
      await this.empty(step)
      const gone = await this.#rmdir(parent, name, round === MAX_ROUNDS)
      if (gone) return this.#count(1)
    }
  }

  /** Pages are read from the start each time: what was listed is gone by then. */
  async empty(step: Step): Promise<void> {
    for (;;) {
      this.#options.signal?.throwIfAborted()
      const { items } = await readdir(this.#state, this.#ctx, step.ino, { limit: PAGE }, false)
      if (items.length === 0) return
      await this.#files(step.ino, items)
      const subdirectories = items.filter(({ type }) => type === TYPE_DIRECTORY)
      await this.#fan.each(subdirectories, ({ ino, name }) => this.tree(step.ino, name, stepInto(step, ino)))
    }
  }

  async #files(parent: Ino, items: readonly DirItem[]): Promise<void> {
    const names = items.filter(({ type }) => type !== TYPE_DIRECTORY).map(({ name }) => name)
    const batches: Name[][] = []
    const size = entriesAtOnce(this.#state.engine, BATCH)
    for (let at = 0; at < names.length; at += size) batches.push(names.slice(at, at + size))
    for (const batch of batches) {
      this.#options.signal?.throwIfAborted()
      const removed = await unlinkMany(this.#state, this.#ctx, parent, batch, this.#options)
      this.#count(removed.length)
    }
  }

  /** False: it was filled again, and this was not the last try. */
  async #rmdir(parent: Ino, name: Name, last: boolean): Promise<boolean> {
    try {
      await rmdir(this.#state, this.#ctx, parent, name, this.#options)
      return true
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      if (error.errno === ENOENT) return true
      if (error.errno === ENOTEMPTY && !last) return false
      throw error
    }
  }

  #count(n: number): void {
    this.removed += n
    this.#options.onProgress?.(this.removed)
  }
}
