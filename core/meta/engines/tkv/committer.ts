/**
 * Commits as transactions: read at one moment what the guards and the relative changes rest on, decide, and write if none
 * of it has changed since; else again.
 *
 * Few transactions are under way at a time. Commits that come meanwhile wait and are made by one transaction together,
 * each on what the one before it leaves, so that many callers cost the servers little more than one. Those that change
 * entries of the same directory all write its node: side by side they would only lose to each other, so a directory is
 * in one transaction at a time.
 *
 * Where they can, they begin where the last commit ended and do not read what that one left; creations in a directory that
 * was changed last read nothing (footings.ts).
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Random } from '#core/base/random.ts'
import {
  type Change,
  type CommitResult,
  type FailedGuard,
  type Guard,
  RECORDS_PER_ENTRY,
  type TouchedNode,
} from '#core/meta/engine.ts'
import { isUsage } from '../usage-sums.ts'
import { applyChange, changeNeeds } from './changes.ts'
import { Draft, Needs } from './draft.ts'
import { Footings } from './footings.ts'
import { failure, guardNeeds } from './guards.ts'
import type { Layout } from './layout.ts'
import type { Key, OrderedStore, StoreTransaction } from './ordered-store.ts'
import { decodeNodeValue, type Value } from './stored.ts'

/** How long a commit may lose to others (engine.ts). */
const WAIT_MS = 30_000
/** Commits of one transaction: together below what a store takes in one request, as a rule. */
const MAX_GROUP = 32
/** Transactions under way. */
const LANES = 2
/** Between tries that lose, at most. */
const MAX_PAUSE_MS = 100

export interface CommitterParts {
  readonly store: OrderedStore
  readonly layout: Layout
  readonly clock: Clock
  readonly random: Random
}

interface Waiting {
  readonly op: string
  readonly guards: readonly Guard[]
  readonly changes: readonly Change[]
  readonly needs: Needs
  /** Whose entries it changes, or statistics. */
  readonly directory: number | undefined
  settle(outcome: Outcome): void
}

/** How one commit of a draft ended; `thrown` came of its changes. */
type Outcome = { readonly result: CommitResult } | { readonly thrown: unknown }

export class Committer {
  readonly #parts: CommitterParts
  readonly #footings: Footings
  readonly #maxGroup: number
  #waiting: Waiting[] = []
  /** Directories of the transactions under way. */
  readonly #busy = new Set<number>()
  #running = 0

  constructor(parts: CommitterParts) {
    this.#parts = parts
    this.#footings = new Footings(parts.clock)
    const { maxKeys = Number.POSITIVE_INFINITY } = parts.store
    this.#maxGroup = Math.min(MAX_GROUP, Math.floor(maxKeys / RECORDS_PER_ENTRY))
  }

  /** Without the usage changes among `changes`. */
  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    const needs = new Needs()
    const { layout } = this.#parts
    for (const guard of guards) guardNeeds(layout, guard, needs)
    for (const change of changes) if (!isUsage(change)) changeNeeds(layout, change, needs)
    const outcome = await new Promise<Outcome>((settle) => {
      this.#waiting.push({ op, guards, changes, needs, directory: directoryOf(changes), settle })
      this.#start()
    })
    if ('thrown' in outcome) throw outcome.thrown
    return outcome.result
  }

  /**
   * Work on a draft until what it rests on did not change meanwhile. `work` is repeatable; a draft that writes nothing
   * commits nothing.
   */
  async transact<T>(needs: Needs, work: (draft: Draft) => T, group: readonly Waiting[] = []): Promise<T> {
    const { store, clock, random } = this.#parts
    const began = clock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      const made = await this.#try(needs, work, group)
      if (made !== undefined) return made.result
      if (clock.monotonicMs() - began > WAIT_MS)
        throw new BackendError(
          'unavailable',
          `${store.address}: others have changed the same records for ${WAIT_MS / 1000} s; try again`,
        )
      await clock.sleep(random.next() * Math.min(MAX_PAUSE_MS, attempt * attempt))
    }
  }

  /** Undefined when others were faster. */
  async #try<T>(
    needs: Needs,
    work: (draft: Draft) => T,
    group: readonly Waiting[],
  ): Promise<{ readonly result: T } | undefined> {
    const transaction = await this.#parts.store.begin()
    const draft = await load(transaction, needs)
    if (draft === undefined) return undefined
    const result = work(draft)
    if (draft.writes.size === 0) return { result }
    return (await this.#write(transaction, draft, group)) ? { result } : undefined
  }

  /** False when others were faster. */
  async #write(
    transaction: StoreTransaction,
    draft: Draft,
    group: readonly Waiting[],
    inserts?: ReadonlySet<Key>,
  ): Promise<boolean> {
    const guards = [...draft.guards].filter((key) => !draft.writes.has(key))
    if (!(await transaction.commit(guards, draft.writes, inserts))) return false
    const directories = new Set(group.flatMap(({ directory }) => directory ?? []))
    this.#footings.left(directories, transaction.left, draft.settled())
    return true
  }

  /** Make commits of one directory without reading. Undefined when they cannot be made so: nothing was done. */
  async #makeOnFooting(group: readonly Waiting[]): Promise<readonly Outcome[] | undefined> {
    const { store, layout } = this.#parts
    const { directory } = group[0]!
    const inserts = new Set(group.flatMap((commit) => insertedKeys(layout, commit)))
    if (directory === undefined || inserts.size === 0) return undefined
    const footing = this.#footings.take(directory, together(group), inserts)
    if (footing === undefined) return undefined
    const draft = Draft.of(footing.values, inserts)
    const outcomes = this.#applyAll(group, draft)
    // What is refused on such grounds is looked at again, and what comes and goes at once has no place for an insert.
    if (!outcomes.every((outcome) => 'result' in outcome && outcome.result.ok)) return undefined
    for (const key of inserts) if (draft.value(key) === null) return undefined
    if (await this.#write(await store.begin(footing.moment), draft, group, inserts)) return outcomes
    this.#footings.failed(directory)
    return undefined
  }

  /** Make commits on what was there when the last one ended, if that is enough. Undefined: nothing was done. */
  async #makeOnLatest(group: readonly Waiting[]): Promise<readonly Outcome[] | undefined> {
    const needs = together(group)
    const footing = this.#footings.takeLatest(needs)
    if (footing === undefined) return undefined
    const transaction = await this.#parts.store.begin(footing.moment)
    const draft = await load(transaction, needs, footing.values)
    if (draft === undefined) return undefined
    const outcomes = this.#applyAll(group, draft)
    // What is refused may have changed meanwhile.
    if (!outcomes.every((outcome) => 'result' in outcome && outcome.result.ok)) return undefined
    if (draft.writes.size === 0) return undefined
    if (await this.#write(transaction, draft, group)) return outcomes
    this.#footings.latestFailed()
    return undefined
  }

  #start(): void {
    while (this.#running < LANES) {
      const group = this.#take()
      if (group.length === 0) return
      this.#running++
      void this.#run(group)
    }
  }

  /** The next commits in their order, but for those whose directory is under way. */
  #take(): readonly Waiting[] {
    const group: Waiting[] = []
    const rest: Waiting[] = []
    for (const commit of this.#waiting) {
      const { directory } = commit
      const isFree = directory === undefined || !this.#busy.has(directory)
      if (isFree && group.length < this.#maxGroup) group.push(commit)
      else rest.push(commit)
    }
    this.#waiting = rest
    for (const { directory } of group) if (directory !== undefined) this.#busy.add(directory)
    return group
  }

  /** Make the commits and settle them; those that cannot be made with the others wait again. Never rejects. */
  async #run(group: readonly Waiting[]): Promise<void> {
    const left = await this.#make(group)
    for (const { directory } of group) if (directory !== undefined) this.#busy.delete(directory)
    this.#waiting.unshift(...left)
    this.#running--
    this.#start()
  }

  /** Returns those that were not made. Where others were faster, only those that belong together try again together. */
  async #make(group: readonly Waiting[]): Promise<readonly Waiting[]> {
    const work = (draft: Draft): readonly Outcome[] => this.#applyAll(group, draft)
    const parts = byDirectory(group)
    try {
      const outcomes =
        (parts.length === 1 ? await this.#makeOnFooting(group) : undefined) ??
        (await this.#makeOnLatest(group)) ??
        (parts.length === 1
          ? await this.transact(together(group), work, group)
          : (await this.#try(together(group), work, group))?.result)
      if (outcomes === undefined) return (await Promise.all(parts.map((part) => this.#make(part)))).flat()
      for (const [k, outcome] of outcomes.entries()) group[k]!.settle(outcome)
      return group.slice(outcomes.length)
    } catch (thrown) {
      for (const commit of group) commit.settle({ thrown })
      return []
    }
  }

  /**
   * Up to a commit that asks for a range in which those before it write, as the draft does not know it, or that makes the
   * transaction too large.
   */
  #applyAll(group: readonly Waiting[], draft: Draft): readonly Outcome[] {
    const outcomes: Outcome[] = []
    const { maxKeys } = this.#parts.store
    for (const commit of group) {
      for (const { range } of commit.needs.ranges.values()) if (draft.writesInto(range)) return outcomes
      try {
        const result = this.#apply(commit, draft)
        if (outcomes.length > 0 && maxKeys !== undefined && draft.keyCount > maxKeys) return outcomes
        if (result.ok) draft.keep()
        outcomes.push({ result })
      } catch (thrown) {
        outcomes.push({ thrown })
      } finally {
        draft.drop()
      }
    }
    return outcomes
  }

  #apply({ op, guards, changes }: Waiting, draft: Draft): CommitResult {
    const { layout } = this.#parts
    const failed: FailedGuard[] = []
    for (const [guard, wanted] of guards.entries()) {
      const actual = failure(layout, wanted, draft)
      if (actual !== undefined) failed.push({ guard, actual })
    }
    if (failed.length > 0) return { ok: false, failed }
    const replies = changes.map((change) => (isUsage(change) ? 0 : applyChange(layout, op, change, draft)))
    return { ok: true, replies, touched: touchedNodes(layout, changes, draft) }
  }
}

/** Undefined where the store no longer knows the moment at which the transaction began. */
async function load(
  transaction: StoreTransaction,
  needs: Needs,
  known?: ReadonlyMap<Key, Value>,
): Promise<Draft | undefined> {
  try {
    return await Draft.load(transaction, needs, known)
  } catch (error) {
    if (error instanceof BackendError && error.kind === 'conflict') return undefined
    throw error
  }
}

function touchedNodes(layout: Layout, changes: readonly Change[], draft: Draft): readonly TouchedNode[] {
  const touched = new Set<number>()
  for (const change of changes) if (change.kind === 'touchNode') touched.add(change.ino)
  return [...touched].flatMap((ino) => {
    const value = draft.value(layout.node(ino))
    return value === null ? [] : [{ ino, node: decodeNodeValue(value) }]
  })
}

/** Entries that it makes where it wants none. */
function insertedKeys(layout: Layout, { guards, changes }: Waiting): readonly Key[] {
  return guards.flatMap((guard) => {
    if (guard.kind !== 'edgeIs' || guard.is !== null) return []
    const { parent, name } = guard
    const isMade = (change: Change): boolean =>
      change.kind === 'putEdge' && change.parent === parent && change.name === name
    return changes.some(isMade) ? [layout.edge(parent, name)] : []
  })
}

function together(group: readonly Waiting[]): Needs {
  if (group.length === 1) return group[0]!.needs
  const all = new Needs()
  for (const { needs } of group) {
    for (const key of needs.keys) all.keys.add(key)
    for (const { range, first } of needs.ranges.values()) all.range(range, first)
  }
  return all
}

/** Commits of one directory, and each of none. */
function byDirectory(group: readonly Waiting[]): readonly (readonly Waiting[])[] {
  const parts = new Map<number | Waiting, Waiting[]>()
  for (const commit of group) {
    const key = commit.directory ?? commit
    const part = parts.get(key)
    if (part === undefined) parts.set(key, [commit])
    else part.push(commit)
  }
  return [...parts.values()]
}

/**
 * The first directory whose entries a commit changes, which rests on that node whether it writes it or not; else the one
 * that has a file which grows or shrinks, and statistics of it.
 */
function directoryOf(changes: readonly Change[]): number | undefined {
  let counted: number | undefined
  for (const change of changes) {
    if (change.kind === 'putEdge' || change.kind === 'delEdge') return change.parent
    if (change.kind === 'touchNode') return change.ino
    if (change.kind === 'addDirStat') counted ??= change.ino
  }
  return counted
}
