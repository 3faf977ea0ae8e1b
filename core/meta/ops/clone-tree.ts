/** A copy of a directory tree in the making: detached, several entries a commit, several directories at once. */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, fail } from '#core/base/errno.ts'
import { Fan } from '#core/base/fan.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { DirItem, Found } from '../api.ts'
import { entriesAtOnce } from '../engine.ts'
import { CHUNK_SIZE, type NodeRecord, spaceOf, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run, type Tx } from '../tx.ts'
import { type Copy, copyNodes, putCopy } from './clone-node.ts'
import { pagesOf, type Step, stepInto } from './walk.ts'

export interface CloneOptions {
  readonly preserve: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number) => void
}

/** Entries listed at once, and copied in one commit; a large file counts once for each of its chunks. */
const PAGE = 1000
const BATCH = 100
const WIDTH = 4

export class TreeCopy {
  /** Totals of what is copied so far. */
  space = 0
  inodes = 0
  readonly #state: MetaState
  readonly #ctx: OpContext
  readonly #options: CloneOptions
  readonly #fan = new Fan(WIDTH)

  constructor(state: MetaState, ctx: OpContext, options: CloneOptions) {
    this.#state = state
    this.#ctx = ctx
    this.#options = options
  }

  /** Make the top directory, without parent or entry. */
  async begin(from: Ino): Promise<Found> {
    const added = this.#state.clock.nowSec()
    const made = await this.#makeDirectory(from, 0, (tx, ino) =>
      tx.change({ kind: 'putDetached', ino, added }),
    )
    if (made === undefined) throw fail(ENOENT, 'clone', `ino ${from}`)
    return made
  }

  /** Copy everything below `from` into `to`; what vanishes meanwhile is left out. */
  fill(from: Ino, to: Found): Promise<void> {
    return this.#fill({ ino: from }, to)
  }

  async #fill(from: Step, to: Found): Promise<void> {
    const size = entriesAtOnce(this.#state.engine, BATCH)
    for await (const page of pagesOf(this.#state, { kind: 'entries', parent: from.ino }, PAGE)) {
      for (const batch of batches(
        page.filter(({ type }) => type !== TYPE_DIRECTORY),
        size,
      )) {
        this.#options.signal?.throwIfAborted()
        await this.#copyFiles(batch, to)
      }
      const subdirectories = page.filter(({ type }) => type === TYPE_DIRECTORY)
      await this.#fan.each(subdirectories, ({ ino, name }) =>
        this.#copyDirectory(stepInto(from, ino), name, to),
      )
    }
  }

  async #copyDirectory(from: Step, name: Name, to: Found): Promise<void> {
    this.#options.signal?.throwIfAborted()
    const made = await this.#makeDirectory(from.ino, to.ino, (tx, ino) => {
      tx.nodeLike(to.ino, to.node)
      tx.change(
        { kind: 'putEdge', parent: to.ino, name, edge: { ino, type: TYPE_DIRECTORY } },
        { kind: 'touchNode', ino: to.ino, nlink: 1 },
        { kind: 'addDirStat', ino: to.ino, length: 0, space: 4096, inodes: 1 },
      )
    })
    if (made !== undefined) await this.#fill(from, made)
  }

  async #makeDirectory(
    from: Ino,
    parent: Ino,
    place: (tx: Tx, ino: Ino) => void,
  ): Promise<Found | undefined> {
    let ino: Ino = 0
    return run(this.#state, 'clone', async (tx) => {
      const source = { ino: from, type: TYPE_DIRECTORY } as const
      const [copy] = await this.#copies(tx, [source], parent)
      if (copy === undefined) return undefined
      ino ||= await this.#state.ids.nextInode()
      putCopy(tx, ino, copy)
      place(tx, ino)
      await this.#count(tx, [copy])
      return { ino, node: copy.node }
    })
  }

  async #copyFiles(batch: readonly DirItem[], to: Found): Promise<void> {
    const inos: Ino[] = []
    await run(this.#state, 'clone', async (tx) => {
      const sum = { length: 0, space: 0, inodes: 0 }
      const done: Copy[] = []
      for (const [at, copy] of (await this.#copies(tx, batch, to.ino)).entries()) {
        if (copy === undefined) continue
        const ino = (inos[at] ??= await this.#state.ids.nextInode())
        const { type, length } = copy.node
        putCopy(tx, ino, copy)
        tx.change({ kind: 'putEdge', parent: to.ino, name: batch[at]!.name, edge: { ino, type } })
        if (type === TYPE_FILE) sum.length += length
        sum.space += spaceOf(copy.node)
        sum.inodes++
        done.push(copy)
      }
      if (done.length === 0) return
      tx.nodeLike(to.ino, to.node)
      tx.change({ kind: 'addDirStat', ino: to.ino, ...sum })
      await this.#count(tx, done)
    })
  }

  #copies(
    tx: Tx,
    sources: readonly { ino: Ino; type: NodeRecord['type'] }[],
    parent: Ino,
  ): Promise<(Copy | undefined)[]> {
    return copyNodes(this.#state, this.#ctx, tx, sources, parent, this.#options.preserve)
  }

  /** Volume and owner pay at once, quotas of directories when the tree is attached. */
  async #count(tx: Tx, copies: readonly Copy[]): Promise<void> {
    const tally = new Tally()
    for (const { node } of copies) tally.node(node, 1)
    await tally.apply(this.#state, tx)
    tx.onCommit(() => {
      for (const { node } of copies) this.space += spaceOf(node)
      this.inodes += copies.length
      this.#options.onProgress?.(this.inodes)
    })
  }
}

function* batches(items: readonly DirItem[], size: number): Generator<DirItem[]> {
  let batch: DirItem[] = []
  let weight = 0
  for (const item of items) {
    const own = item.type === TYPE_FILE ? Math.ceil((item.node?.length ?? 0) / CHUNK_SIZE) || 1 : 1
    if (batch.length > 0 && weight + own > size) {
      yield batch
      batch = []
      weight = 0
    }
    batch.push(item)
    weight += own
  }
  if (batch.length > 0) yield batch
}
