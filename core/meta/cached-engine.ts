/**
 * An engine with a record cache before it. Nodes and entries that are known to be current are answered at once; those
 * that are only hints serve decisions that a guard checks at commit (`Trust`), so that an operation on what was seen
 * lately costs one round trip.
 *
 * Where the server pushes changes, they decide what is current. Where it does not, records are current as long as no
 * other client has a session (sole-session.ts).
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import type { Name } from '#core/base/name.ts'
import { EchoCheck } from './echo-check.ts'
import type {
  Change,
  ChangedScope,
  ChangeListener,
  CommitResult,
  FailedGuard,
  Guard,
  ListTypes,
  MetaEngine,
  Page,
  PageRequest,
  RecordKey,
  RecordRange,
  RecordValue,
  RecordValues,
  Trust,
} from './engine.ts'
import { type Cached, type NamedEdge, RecordCache } from './record-cache.ts'
import {
  type AclRule,
  type CounterName,
  type Edge,
  type Entry,
  type GateName,
  type NodeRecord,
  TYPE_DIRECTORY,
} from './records.ts'

export interface CacheOptions {
  /** Nodes and names kept. */
  readonly records: number
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** A listing whose pages are being asked for in order. */
interface Listing {
  readonly began: number
  readonly next: string | undefined
}

/** Monotonic milliseconds, and seconds on the wall. */
interface Moment {
  readonly ms: number
  readonly sec: number
}

/** Listings under way that are remembered. */
const MAX_LISTINGS = 64
/** How long it counts that nobody else was there. */
export const ALONE_MS = 1000

export class CachedEngine implements MetaEngine {
  readonly scheme: string
  readonly address: string
  readonly maxRecords: number | undefined
  readonly ordered: boolean
  readonly cache: RecordCache
  readonly space: MetaEngine['space']
  readonly recentChanges: MetaEngine['recentChanges']
  readonly #engine: MetaEngine
  readonly #echoes: EchoCheck
  readonly #listings = new Map<Ino, Listing>()
  readonly #log: Log
  readonly #hits: Counter
  readonly #misses: Counter
  readonly #conflicts: Counter
  readonly #clock: Clock
  #aloneSince: Moment = { ms: Number.NEGATIVE_INFINITY, sec: 0 }
  #unsubscribe: (() => void) | undefined
  #refused = false
  #crashes = 0
  #listener: ChangeListener | undefined

  constructor(engine: MetaEngine, { records, clock, log, metrics }: CacheOptions) {
    this.scheme = engine.scheme
    this.address = engine.address
    this.maxRecords = engine.maxRecords
    this.ordered = engine.ordered ?? false
    this.#engine = engine
    this.space = engine.space && (() => engine.space!())
    this.recentChanges = engine.recentChanges && ((mark) => engine.recentChanges!(mark))
    this.#clock = clock
    this.#log = log
    this.cache = new RecordCache(records, this.ordered)
    this.#echoes = new EchoCheck({
      engine,
      cache: this.cache,
      clock,
      log,
      onForeign: (scopes) => this.#foreign(scopes),
    })
    this.#hits = metrics.counter('meta_cache_hits')
    this.#misses = metrics.counter('meta_cache_misses')
    this.#conflicts = metrics.counter('meta_commit_conflicts')
    metrics.gauge('meta_cache_nodes', () => this.cache.nodeCount)
    metrics.gauge('meta_cache_trusted', () => (this.cache.isListening ? 1 : 0))
  }

  /** The engine itself. */
  get uncached(): MetaEngine {
    return this.#engine
  }

  /** Changes are pushed, or would be if the server could be reached. */
  get isListening(): boolean {
    return this.#unsubscribe !== undefined
  }

  /**
   * Begin to hear of changes; until then, and where the server does not tell of them, every cached record is a hint
   * unless this client is alone.
   */
  async listen(): Promise<void> {
    if (this.#engine.subscribe === undefined || this.#refused || this.isListening) return
    try {
      this.#unsubscribe = await this.#engine.subscribe({
        changed: (scopes, by) => (by === 'foreign' ? this.#foreign(scopes) : this.#echoes.heard(scopes)),
        listening: () => {
          this.cache.listening()
          this.#listener?.listening()
        },
        deaf: () => this.deaf(),
      })
    } catch (error) {
      this.#refused = true
      this.#log.warn('the metadata server does not tell of changes: what it answered lately is asked again', {
        error,
      })
    }
  }

  /** Hear of no more changes. */
  unlisten(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.deaf()
  }

  /** When it is, for `alone`. */
  now(): Moment {
    return { ms: this.#clock.monotonicMs(), sec: this.#clock.nowSec() }
  }

  /**
   * For sole-session.ts: nobody else uses the volume, which was asked at `since` and will be again within ALONE_MS. An
   * answer that lay unread while this process slept is too old to count.
   */
  alone(since: Moment): void {
    this.#aloneSince = since
    if (this.#isAloneStill() && !this.cache.isListening) this.cache.listening()
  }

  /** What is known may be old from here on. */
  deaf(): void {
    if (!this.cache.isListening) return
    this.cache.deaf()
    this.#listener?.deaf()
  }

  /** True when `read(keys, 'hint')` would answer from memory, and some of it is not known to be current. */
  doubts(keys: readonly RecordKey[]): boolean {
    let doubtful = false
    for (const key of keys) {
      if (this.#recall(key, true) === undefined) return false
      doubtful ||= this.#recall(key, false) === undefined
    }
    return doubtful
  }

  /** @hot */
  async read<const Keys extends readonly RecordKey[]>(
    keys: Keys,
    trust: Trust = 'current',
  ): Promise<RecordValues<Keys>> {
    const values = new Array<RecordValue>(keys.length)
    if (!this.isListening) this.#expire()
    // Word of a change by others may be on its way; a client that is alone has nobody to hear from.
    const mayBeLate = trust === 'fresh' && this.isListening
    let missing = mayBeLate ? [...keys.keys()] : this.#recallAll(keys, values, trust === 'hint')
    // When the server is asked anyway, hints are asked for with the rest.
    if (missing.length > 0 && trust === 'hint') missing = this.#recallAll(keys, values, false)
    this.#hits.add(keys.length - missing.length)
    if (missing.length > 0) {
      this.#misses.add(missing.length)
      const began = this.cache.begin()
      const asked = missing.map((k) => keys[k]!)
      const read = (await this.#engine.read(asked)) as readonly RecordValue[]
      for (const [at, k] of missing.entries()) {
        values[k] = read[at]!
        this.#learn(asked[at]!, read[at]!, began)
      }
    }
    return values as RecordValues<Keys>
  }

  async list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>> {
    if (range.kind !== 'edges' && range.kind !== 'entries') return this.#engine.list(range, page)
    if (!this.isListening) this.#expire()
    const known = this.cache.page(range.parent, page)
    if (known !== undefined)
      return (range.kind === 'edges' ? known : await this.#withNodes(known)) as Page<ListTypes[R['kind']]>
    const began = this.cache.begin()
    const result = await this.#engine.list(range, page)
    const items = result.items as readonly (Entry & { readonly name: Name })[]
    for (const { name, ino, type, node } of items) {
      this.cache.sawEdge(range.parent, name, { ino, type }, began)
      if (range.kind === 'entries' && node !== null) this.cache.sawNode(ino, node, began)
    }
    this.#followListing(range.parent, page.after, result.next, began)
    return result
  }

  /** @hot */
  async #withNodes({ items, next }: Page<NamedEdge>): Promise<Page<ListTypes['entries']>> {
    const entries: ListTypes['entries'][] = []
    const missing: number[] = []
    for (const { name, ino, type } of items) {
      const node = known(this.cache.node(ino), false)
      if (node === undefined) missing.push(entries.length)
      entries.push({ name, ino, type, node: node ?? null })
    }
    this.#hits.add(entries.length - missing.length)
    if (missing.length > 0) {
      const nodes = await this.read(missing.map((k) => ({ kind: 'node', ino: entries[k]!.ino }) as const))
      for (const [at, k] of missing.entries()) entries[k] = { ...entries[k]!, node: nodes[at]! }
    }
    return { items: entries, next }
  }

  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    const began = this.cache.begin()
    const result = await this.#engine.commit(op, guards, changes)
    if (result.ok) this.#applied(changes, result.touched ?? [], began)
    else {
      this.#conflicts.add()
      for (const failed of result.failed) this.#corrected(guards[failed.guard]!, failed, began)
    }
    return result
  }

  allocate(counter: CounterName, n: number): Promise<number> {
    return this.#engine.allocate(counter, n)
  }

  claim(gate: GateName, now: number, period: number): Promise<boolean> {
    return this.#engine.claim(gate, now, period)
  }

  insertAcl(rule: AclRule): Promise<number> {
    return this.#engine.insertAcl(rule)
  }

  sync(): Promise<void> {
    return this.#engine.sync()
  }

  initialize(): Promise<void> {
    return this.#engine.initialize()
  }

  upgrade(): Promise<void> {
    return this.#engine.upgrade()
  }

  /** The changes by others, after the cache has taken notice of them. */
  async subscribe(listener: ChangeListener): Promise<() => void> {
    this.#listener = listener
    if (this.cache.isListening) listener.listening()
    return () => {
      this.#listener = undefined
    }
  }

  destroy(): Promise<void> {
    this.deaf()
    return this.#engine.destroy()
  }

  async close(): Promise<void> {
    this.unlisten()
    await this.#echoes.stop()
    await this.#engine.close()
  }

  /**
   * Whoever was alone a while ago may have company now: this process slept, or the server is silent. And a server that
   * has crashed may have lost what it told us.
   */
  #expire(): void {
    const { crashes = 0 } = this.#engine
    if (crashes !== this.#crashes) {
      this.#crashes = crashes
      this.deaf()
    }
    if (!this.#isAloneStill()) this.deaf()
  }

  #isAloneStill(): boolean {
    const { ms, sec } = this.#aloneSince
    // The monotonic clock stands still while the machine sleeps.
    return (
      this.#clock.monotonicMs() - ms <= ALONE_MS &&
      Math.abs(this.#clock.nowSec() - sec) <= ALONE_MS / 1000 + 1
    )
  }

  /** Fill in what is known well enough; returns the places of the rest. */
  #recallAll(keys: readonly RecordKey[], values: RecordValue[], hint: boolean): number[] {
    const missing: number[] = []
    for (let k = 0; k < keys.length; k++) {
      const value = this.#recall(keys[k]!, hint)
      if (value === undefined) missing.push(k)
      else values[k] = value
    }
    return missing
  }

  /** The value as far as it is known well enough; undefined: ask the engine. @hot */
  #recall(key: RecordKey, hint: boolean): RecordValue | undefined {
    switch (key.kind) {
      case 'node':
        return known(this.cache.node(key.ino), hint)
      case 'edge':
        return known(this.cache.edge(key.parent, key.name), hint)
      case 'entry': {
        const edge = known(this.cache.edge(key.parent, key.name), hint)
        if (edge === undefined || edge === null) return edge
        const node = known(this.cache.node(edge.ino), hint)
        return node === undefined ? undefined : { ino: edge.ino, type: edge.type, node }
      }
      default:
        return undefined
    }
  }

  #learn(key: RecordKey, value: RecordValue, began: number): void {
    switch (key.kind) {
      case 'node':
        this.cache.sawNode(key.ino, value as NodeRecord | null, began)
        return
      case 'edge':
        this.cache.sawEdge(key.parent, key.name, value as Edge | null, began)
        return
      case 'entry': {
        const entry = value as Entry | null
        const edge = entry && { ino: entry.ino, type: entry.type }
        this.cache.sawEdge(key.parent, key.name, edge, began)
        if (entry !== null) this.cache.sawNode(entry.ino, entry.node, began)
        return
      }
      default:
    }
  }

  /** A listing from its first page to its last, with nothing between, shows the whole directory. */
  #followListing(parent: Ino, after: string | undefined, next: string | undefined, began: number): void {
    const before = this.#listings.get(parent)
    this.#listings.delete(parent)
    const first = after === undefined ? began : before?.next === after ? before.began : undefined
    if (first === undefined) return
    if (next === undefined) this.cache.sawWhole(parent, first)
    else {
      if (this.#listings.size >= MAX_LISTINGS) this.#listings.delete(this.#listings.keys().next().value!)
      this.#listings.set(parent, { began: first, next })
    }
  }

  #applied(
    changes: readonly Change[],
    known: readonly { readonly ino: Ino; readonly node: NodeRecord }[],
    began: number,
  ): void {
    const nodes: [Ino, NodeRecord | null][] = known.map(({ ino, node }) => [ino, node])
    const touched: [Ino, (node: NodeRecord) => NodeRecord][] = []
    const edges: [Ino, Name, Edge | null][] = []
    const directories: Ino[] = []
    for (const change of changes) {
      switch (change.kind) {
        case 'putNode':
          nodes.push([change.ino, change.node])
          if (change.fresh === true && change.node.type === TYPE_DIRECTORY) directories.push(change.ino)
          break
        case 'delNode':
          nodes.push([change.ino, null])
          break
        case 'touchNode':
          if (!known.some(({ ino }) => ino === change.ino))
            touched.push([change.ino, (node) => touch(node, change)])
          break
        case 'putEdge':
          edges.push([change.parent, change.name, change.edge])
          break
        case 'delEdge':
          edges.push([change.parent, change.name, null])
          break
        default:
      }
    }
    this.cache.committed(began, { nodes, touched, edges, directories })
  }

  /** A failed guard says what is there instead. */
  #corrected(guard: Guard, { actual }: FailedGuard, began: number): void {
    if (actual === false) return
    if (guard.kind === 'nodeIs' || guard.kind === 'nodeLike')
      this.cache.sawNode(guard.ino, actual as NodeRecord | null, began)
    else if (guard.kind === 'edgeIs')
      this.cache.sawEdge(guard.parent, guard.name, actual as Edge | null, began)
  }

  #foreign(scopes: readonly ChangedScope[]): void {
    for (const scope of scopes) {
      if (scope.kind === 'node') this.cache.nodeChanged(scope.ino)
      else if (scope.kind === 'entries') this.cache.entriesChanged(scope.parent)
    }
    this.#listener?.changed(scopes, 'foreign')
  }
}

function known<T>(cached: Cached<T> | undefined, hint: boolean): T | null | undefined {
  return cached !== undefined && (hint || cached.current) ? cached.value : undefined
}

function touch(node: NodeRecord, { nlink, time }: Extract<Change, { kind: 'touchNode' }>): NodeRecord {
  const links = node.nlink + nlink
  if (time === undefined) return { ...node, nlink: links }
  const { sec, nsec } = time
  return { ...node, nlink: links, mtime: sec, mtimeNsec: nsec, ctime: sec, ctimeNsec: nsec }
}
