/** A tree of a volume, depth first, in bounded memory: a page of each directory on the way down. */
import type { OpContext } from '#core/base/context.ts'
import { pass } from '#core/base/gate.ts'
import type { Ino } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import type { Meta } from '#core/meta/api.ts'
import { type NodeRecord, TYPE_DIRECTORY } from '#core/meta/records.ts'

const PAGE = 1000

export interface Walked {
  /** For people, below the start: `a/b`; the start itself is what the caller gave. */
  readonly path: string
  readonly depth: number
  readonly parent: Ino
  readonly name: Name
  readonly ino: Ino
  /** Null: the entry has no node. */
  readonly node: NodeRecord | null
  readonly type: number
}

export interface WalkOptions {
  readonly signal?: AbortSignal
  /** Levels below the start; default: all. */
  readonly maxDepth?: number
}

/** Everything below `dir`, directories before what is in them. Directories that vanish meanwhile are left out. */
export async function* walk(
  meta: Meta,
  ctx: OpContext,
  dir: Ino,
  path: string,
  { signal, maxDepth = Number.POSITIVE_INFINITY }: WalkOptions = {},
  depth = 1,
): AsyncGenerator<Walked> {
  if (depth > maxDepth) return
  for await (const item of entriesOf(meta, ctx, dir, signal)) {
    const at: Walked = {
      path: path.endsWith('/') ? path + nameToText(item.name) : `${path}/${nameToText(item.name)}`,
      depth,
      parent: dir,
      name: item.name,
      ino: item.ino,
      node: item.node,
      type: item.node?.type ?? item.type,
    }
    yield at
    if (at.node?.type === TYPE_DIRECTORY)
      yield* walk(meta, ctx, at.ino, at.path, { signal, maxDepth }, depth + 1)
  }
}

/** The entries of one directory with their nodes. */
export async function* entriesOf(meta: Meta, ctx: OpContext, dir: Ino, signal?: AbortSignal) {
  let after: string | undefined
  for (;;) {
    await pass(signal)
    const page = await meta.readdir(
      ctx,
      dir,
      after === undefined ? { limit: PAGE } : { after, limit: PAGE },
      true,
    )
    yield* page.items
    if (page.next === undefined) return
    after = page.next
  }
}
