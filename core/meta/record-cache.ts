/**
 * Nodes and directory entries that this client has seen, and how far each may be trusted.
 *
 * Events are numbered in the order in which this client learns of them. What a read brings is stamped with the number
 * at which the read began: the server's state is at least that new. What a commit of ours left is stamped with the
 * number of its answer. A cached record is *current* when nothing is known to have changed it since its stamp and
 * changes are being heard of; else it is a *hint*, good for a decision that a guard checks at commit. A directory may
 * be *complete*: every entry is known, so any other name is known to be absent, which is what a create has to find out.
 *
 * What may go wrong, and how it is met: an answer overtaken by a change (a read begun before the change brings hints
 * only); two changes crossing on their way here (the record becomes a hint); changes missed while not listening
 * (nothing stamped before `listening` is current); a change of something forgotten (reads under way when entries are
 * forgotten bring hints).
 */
import { Generations } from '#core/base/generations.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Page, PageRequest } from './engine.ts'
import { NameOrder } from './name-order.ts'
import type { Edge, NodeRecord } from './records.ts'

/** The stamp of a hint. */
const HINT = 0
/** Foreign changes remembered one by one for the sake of reads under way; before them anything may have changed. */
const MAX_CHANGES = 8192
/** A directory with more entries than this share of the limit is not kept whole. */
const LARGEST_SHARE = 1 / 4
/** A directory with more names is not listed out of memory: putting them in order takes some 10 ms. */
const MAX_ORDERED = 20_000

/** One object as long as the record is known. */
interface Stamped<T> {
  value: T
  stamp: number
}

interface Directory {
  readonly names: Map<Name, Stamped<Edge | null>>
  /** As of this stamp every entry is in `names`; HINT: not so. */
  complete: number
  /** Edges with an older stamp are hints. */
  since: number
  /** For the listings under way. */
  order: NameOrder<Stamped<Edge | null>> | undefined
}

export type NamedEdge = Edge & { readonly name: Name }

/** What the cache says of a record (null: that there is none). */
export interface Cached<T> {
  readonly value: T | null
  readonly current: boolean
}

/** What a commit left behind. */
export interface Written {
  /** Null: removed. */
  readonly nodes: readonly (readonly [Ino, NodeRecord | null])[]
  /** Nodes changed relatively, their result unknown. */
  readonly touched: readonly (readonly [Ino, (node: NodeRecord) => NodeRecord])[]
  /** Null: removed. */
  readonly edges: readonly (readonly [Ino, Name, Edge | null])[]
  /** Directories that were made. */
  readonly directories: readonly Ino[]
}

export class RecordCache {
  readonly #nodes: Generations<Ino, Stamped<NodeRecord | null>>
  readonly #directories: Generations<Ino, Directory>
  readonly #largest: number
  readonly #ordered: boolean
  readonly #nodeChanges = new ForeignChanges()
  readonly #entryChanges = new ForeignChanges()
  #event = 1
  #trustedSince = Number.POSITIVE_INFINITY
  /** Events at which something was forgotten last. */
  #nodesForgotten = 0
  #entriesForgotten = 0

  /**
   * `limit`: nodes kept, and names kept; some 0.6 KiB for the two together. `ordered`: answers of commits arrive in
   * the order in which they were applied.
   */
  constructor(limit: number, ordered: boolean) {
    this.#nodes = new Generations(
      limit,
      () => 1,
      () => {
        this.#nodesForgotten = this.#event
      },
    )
    this.#directories = new Generations<Ino, Directory>(
      limit,
      (directory) => directory.names.size + 1,
      () => {
        this.#entriesForgotten = this.#event
      },
    )
    this.#largest = limit * LARGEST_SHARE
    this.#ordered = ordered
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  get isListening(): boolean {
    return this.#trustedSince !== Number.POSITIVE_INFINITY
  }

  /** Changes are heard of: what is read from now on may be current. */
  listening(): void {
    this.#trustedSince = ++this.#event
  }

  /** Changes may be missed: all that is known are hints. */
  deaf(): void {
    this.#trustedSince = Number.POSITIVE_INFINITY
  }

  /** The number to note when a read or a commit is sent. */
  begin(): number {
    return this.#event
  }

  /** @hot */
  node(ino: Ino): Cached<NodeRecord> | undefined {
    const cached = this.#nodes.get(ino)
    return cached && { value: cached.value, current: cached.stamp >= this.#trustedSince }
  }

  /** @hot */
  edge(parent: Ino, name: Name): Cached<Edge> | undefined {
    const directory = this.#directories.get(parent)
    if (directory === undefined) return undefined
    const oldest = Math.max(this.#trustedSince, directory.since)
    const cached = directory.names.get(name)
    if (cached !== undefined) return { value: cached.value, current: cached.stamp >= oldest }
    if (directory.complete !== HINT && directory.complete >= oldest) return { value: null, current: true }
    return undefined
  }

  /** A page of the directory in the order of its names; undefined: not every entry is known to be current. */
  page(parent: Ino, { after, limit }: PageRequest): Page<NamedEdge> | undefined {
    const directory = this.#directories.get(parent)
    if (directory === undefined || directory.complete === HINT) return undefined
    const oldest = Math.max(this.#trustedSince, directory.since)
    if (directory.complete < oldest || directory.names.size > MAX_ORDERED) return undefined
    const order = this.#order(directory, oldest, after === undefined)
    const items: NamedEdge[] = []
    for (let k = after === undefined ? 0 : order.after(after); k < order.names.length; k++) {
      const { value, stamp } = order.values[k]!
      if (stamp < oldest) return undefined
      if (value === null) continue
      if (items.length === limit) return { items, next: items.at(-1)!.name }
      items.push({ name: order.names[k]!, ino: value.ino, type: value.type })
    }
    return { items }
  }

  /** A read that began at `began` brought the node. */
  sawNode(ino: Ino, node: NodeRecord | null, began: number): void {
    const overtaken = this.#nodesForgotten > began || this.#nodeChanges.since(ino, began)
    const stamp = overtaken ? HINT : began
    const cached = this.#nodes.get(ino)
    if (cached === undefined) {
      if (node !== null || stamp !== HINT) this.#nodes.set(ino, { value: node, stamp })
    } else if (cached.stamp <= stamp) {
      cached.value = node
      cached.stamp = stamp
    }
  }

  /** A read that began at `began` brought the entry. */
  sawEdge(parent: Ino, name: Name, edge: Edge | null, began: number): void {
    const overtaken = this.#entriesForgotten > began || this.#entryChanges.since(parent, began)
    const stamp = overtaken ? HINT : began
    const directory = this.#directory(parent)
    const cached = directory.names.get(name)
    if (cached === undefined) this.#addName(parent, directory, name, { value: edge, stamp })
    else if (cached.stamp <= stamp) {
      cached.value = edge
      cached.stamp = stamp
    }
  }

  /** All entries of the directory came in pages (`sawEdge`), the first of which was asked for at `began`. */
  sawWhole(parent: Ino, began: number): void {
    const directory = this.#directories.peek(parent)
    if (directory === undefined || this.#entriesForgotten > began) return
    if (this.#entryChanges.since(parent, began) || directory.since > began) return
    for (const cached of directory.names.values()) {
      if (cached.stamp >= began) continue
      cached.value = null // known from before, and not in the pages
      cached.stamp = began
    }
    directory.complete = began
  }

  /** A commit that was sent at `began` has been applied. Sent before `listening`, it may have been overtaken unheard. */
  committed(began: number, { nodes, touched, edges, directories }: Written): void {
    this.#event++
    const event = began < this.#trustedSince ? HINT : this.#event
    for (const [ino, node] of nodes) this.#wroteNode(ino, node, began, event)
    for (const [ino, change] of touched) {
      const cached = this.#nodes.peek(ino)
      if (cached === undefined || cached.value === null) continue
      if (cached.stamp > began || this.#nodeChanges.since(ino, began)) cached.stamp = HINT
      else if (cached.stamp !== HINT) cached.stamp = event
      cached.value = change(cached.value)
    }
    for (const ino of directories)
      if (!this.#entryChanges.since(ino, began)) this.#directory(ino).complete = event
    for (const [parent, name, edge] of edges) this.#wroteEdge(parent, name, edge, began, event)
  }

  /** Another client changed the node. */
  nodeChanged(ino: Ino): void {
    this.#nodeChanges.note(ino, ++this.#event)
    const cached = this.#nodes.peek(ino)
    if (cached !== undefined) cached.stamp = HINT
  }

  /** Another client changed entries of the directory. */
  entriesChanged(parent: Ino): void {
    const event = ++this.#event
    this.#entryChanges.note(parent, event)
    const directory = this.#directories.peek(parent)
    if (directory !== undefined) directory.since = event
  }

  #wroteNode(ino: Ino, node: NodeRecord | null, began: number, event: number): void {
    const cached = this.#nodes.get(ino)
    const crossed = (!this.#ordered && (cached?.stamp ?? 0) > began) || this.#nodeChanges.since(ino, began)
    const stamp = crossed ? HINT : event
    if (cached === undefined) this.#nodes.set(ino, { value: node, stamp })
    else {
      cached.value = node
      cached.stamp = stamp
    }
  }

  #wroteEdge(parent: Ino, name: Name, edge: Edge | null, began: number, event: number): void {
    const directory = this.#directory(parent)
    const cached = directory.names.get(name)
    const crossed =
      (!this.#ordered && (cached?.stamp ?? 0) > began) || this.#entryChanges.since(parent, began)
    const stamp = crossed ? HINT : event
    if (cached === undefined) this.#addName(parent, directory, name, { value: edge, stamp })
    else {
      cached.value = edge
      cached.stamp = stamp
    }
  }

  /** Names that came after a listing began need not be in it, so an outgrown order serves to the listing's end. */
  #order(directory: Directory, oldest: number, begins: boolean): NameOrder<Stamped<Edge | null>> {
    const { order, complete } = directory
    if (order !== undefined && order.stamp >= Math.max(oldest, complete) && !(begins && order.outgrown))
      return order
    return (directory.order = new NameOrder(directory.names, this.#event))
  }

  #directory(ino: Ino): Directory {
    let directory = this.#directories.get(ino)
    if (directory === undefined) {
      directory = { names: new Map(), complete: HINT, since: HINT, order: undefined }
      this.#directories.set(ino, directory)
    }
    return directory
  }

  #addName(parent: Ino, directory: Directory, name: Name, edge: Stamped<Edge | null>): void {
    if (directory.names.size >= this.#largest) {
      this.#directories.grew(parent, -directory.names.size)
      directory.names.clear()
      directory.order = undefined
      directory.complete = HINT
      directory.since = this.#event
      edge = { ...edge, stamp: edge.stamp >= this.#event ? edge.stamp : HINT }
    }
    directory.names.set(name, edge)
    if (directory.order !== undefined) directory.order.outgrown = true
    this.#directories.grew(parent, 1)
  }
}

/** When others changed each record last, as far as reads and commits under way must know. */
class ForeignChanges {
  readonly #changes = new Map<Ino, number>()
  /** Changes up to here may have been forgotten. */
  #forgotten = 0

  note(ino: Ino, event: number): void {
    this.#changes.set(ino, event)
    if (this.#changes.size < MAX_CHANGES) return
    this.#forgotten = event
    this.#changes.clear()
  }

  since(ino: Ino, began: number): boolean {
    return this.#forgotten > began || (this.#changes.get(ino) ?? 0) > began
  }
}
