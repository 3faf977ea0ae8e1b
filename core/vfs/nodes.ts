/**
 * What this client knows of inodes beyond the metadata engine: per-inode state of open files, when an inode was
 * last changed here, and what the kernel's page cache was filled from.
 *
 * Changes are numbered. A reply with attributes is stale when its inode changed after the request began
 * (`changedSince`): the kernel must not keep it (vfs-and-fuse.md §2.5).
 */
import { Generations } from '#core/base/generations.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { type NodeRecord, TYPE_FILE } from '#core/meta/records.ts'
import type { RemovedNodes } from '#core/meta/removed.ts'
import type { ChunkViews } from './chunk-views.ts'
import type { FileWriter } from './file-writer.ts'
import type { FileHandle } from './handles.ts'

/** Changes of inodes that are not open: the last half at least is remembered, older ones count as "may have changed". */
const MAX_RECENT = 8192
/** Inodes whose page-cache state is remembered after the last close: the last half at least. */
const MAX_CONTENTS = 20_000

export class OpenNode {
  readonly ino: Ino
  /** The newest record seen, never older than our own last change. */
  record: NodeRecord
  readonly views: ChunkViews
  readonly handles = new Set<FileHandle>()
  writer: FileWriter | undefined
  /** Closes under way that give locks back. The kernel waits for none of them; who asks about locks does. */
  readonly unlocks = new Set<Promise<void>>()
  /** Number of the last local change. */
  changed = 0
  /** When reading it last asked for a new atime. */
  touchedMs = Number.NEGATIVE_INFINITY
  /** Handles, and closes under way. */
  uses = 0
  /** Whether a `security.capability` may have to go when data are written: not asked yet. */
  capability: 'unknown' | 'none' | 'present' = 'unknown'

  constructor(ino: Ino, record: NodeRecord, views: ChunkViews) {
    this.ino = ino
    this.record = record
    this.views = views
  }

  /** Length as this client sees it: with what is not committed yet. */
  get length(): number {
    return Math.max(this.record.length, this.writer?.pendingEnd ?? 0)
  }
}

export class Nodes {
  readonly #viewsOf: (ino: Ino) => ChunkViews
  readonly #removed: RemovedNodes
  readonly #open = new Map<Ino, OpenNode>()
  readonly #recent = new Generations<Ino, number>(
    MAX_RECENT,
    () => 1,
    (forgotten) => {
      for (const number of forgotten.values()) this.#forgotten = Math.max(this.#forgotten, number)
    },
  )
  /** Changes up to this number may have been forgotten. */
  #forgotten = 0
  readonly #contents = new Generations<Ino, NodeRecord>(MAX_CONTENTS)
  #sequence = 0
  /** Told when somebody else changed the data of an open file. */
  onRemoteChange: (ino: Ino) => void = () => {}
  /** Told when somebody else changed the attributes of an inode. */
  onRemoteAttributes: (ino: Ino) => void = () => {}
  /** Told when a tool removed an entry behind the kernel's back. */
  onEntryGone: (parent: Ino, name: Name) => void = () => {}

  constructor(viewsOf: (ino: Ino) => ChunkViews, removed: RemovedNodes) {
    this.#viewsOf = viewsOf
    this.#removed = removed
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Number of the last change; note it before a request reads attributes. */
  get sequence(): number {
    return this.#sequence
  }

  get(ino: Ino): OpenNode | undefined {
    return this.#open.get(ino)
  }

  all(): IterableIterator<OpenNode> {
    return this.#open.values()
  }

  /** Count one more use of an inode whose open just returned `record`, asked for when `since` was the sequence. */
  use(ino: Ino, record: NodeRecord, since: number): OpenNode {
    let node = this.#open.get(ino)
    if (node === undefined) {
      node = new OpenNode(ino, record, this.#viewsOf(ino))
      node.changed = this.#recent.peek(ino) ?? 0
      this.#open.set(ino, node)
    } else {
      this.observe(ino, record, since)
    }
    node.uses++
    return node
  }

  unuse(node: OpenNode): void {
    if (--node.uses > 0) return
    this.#open.delete(node.ino)
    if (node.changed > 0) this.#recent.set(node.ino, node.changed)
  }

  /** The inode was changed by this client just now. */
  stamp(ino: Ino): void {
    const sequence = ++this.#sequence
    const node = this.#open.get(ino)
    if (node !== undefined) node.changed = sequence
    else this.#recent.set(ino, sequence)
  }

  changedSince(ino: Ino, since: number): boolean {
    const node = this.#open.get(ino)
    if (node !== undefined) return node.changed > since
    if (since === this.#sequence) return false
    return this.#forgotten > since || (this.#recent.peek(ino) ?? 0) > since
  }

  /** A record read from the engine, asked for when `since` was the sequence. Notices foreign changes. */
  observe(ino: Ino, record: NodeRecord, since: number): void {
    const node = this.#open.get(ino)
    if (node === undefined || node.changed > since) return
    if (!sameContent(node.record, record)) this.#foreign(node)
    node.record = record
  }

  /**
   * The same for a record that came with a view of the file while it is read. The kernel is told nothing: a reply that
   * ends early tells it that the file is shorter, unless a notice overtakes it.
   */
  observeRead(ino: Ino, record: NodeRecord, since: number): void {
    const node = this.#open.get(ino)
    // While there are uncommitted slices, what is new in the record may be ours.
    if (node === undefined || node.changed > since || node.writer?.idle === false) return
    if (!sameContent(node.record, record)) this.#forget(node)
    node.record = record
  }

  /** The record after our own change; `before`: what that change found, when known. */
  adopt(node: OpenNode, record: NodeRecord, before: NodeRecord | undefined): void {
    const known = node.record
    if (before !== undefined && sameContent(before, known)) {
      // The kernel has seen this write: what it caches stays good, under the new time and length.
      const cached = this.#contents.peek(node.ino)
      if (cached !== undefined && sameContent(cached, known)) this.#contents.set(node.ino, record)
    } else if (before !== undefined) {
      this.#foreign(node)
    }
    node.record = record
    this.stamp(node.ino)
  }

  /** Whether the kernel may keep its pages of a file that it opens now; remembers what they show from here on. */
  keepsCache(ino: Ino, record: NodeRecord): boolean {
    const cached = this.#contents.peek(ino)
    this.#contents.set(ino, record)
    return cached !== undefined && sameContent(cached, record)
  }

  /** Another client changed the data of the file. */
  dataChangedElsewhere(ino: Ino): void {
    const node = this.#open.get(ino)
    if (node !== undefined) this.#foreign(node)
    else this.#contents.delete(ino)
  }

  #foreign(node: OpenNode): void {
    this.#forget(node)
    this.onRemoteChange(node.ino)
  }

  #forget(node: OpenNode): void {
    node.views.clear()
    this.#contents.delete(node.ino)
  }

  /** `record` as this client sees it: length and times with what is not committed yet, no links in the trash. */
  seen(ino: Ino, stored: NodeRecord): NodeRecord {
    const record = this.#removed.shown(ino, stored)
    if (record.type !== TYPE_FILE) return record
    const node = this.#open.get(ino)
    const writer = node?.writer
    if (node === undefined || writer === undefined || writer.idle) return record
    const length = Math.max(record.length, writer.pendingEnd)
    const { mtime, ctime } = writer
    const older = record.ctime < ctime.sec || (record.ctime === ctime.sec && record.ctimeNsec < ctime.nsec)
    const changed = older ? { ctime: ctime.sec, ctimeNsec: ctime.nsec } : undefined
    return { ...record, length, mtime: mtime.sec, mtimeNsec: mtime.nsec, ...changed }
  }
}

function sameContent(a: NodeRecord, b: NodeRecord): boolean {
  return a.length === b.length && a.mtimeNsec === b.mtimeNsec && a.mtime === b.mtime
}
