/**
 * Commits as transactions: read at one moment what the guards and the relative changes rest on, decide, and write if none
 * of it has changed since; else again.
 *
 * Commits of this process that change entries of the same directory would only lose to each other, as all of them write
 * the directory's node: they stand in one line, and those that wait are made by one transaction together, each on what the
 * one before it leaves.
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Random } from '#core/base/random.ts'
import type { Change, CommitResult, FailedGuard, Guard, TouchedNode } from '#core/meta/engine.ts'
import { applyChange, changeNeeds, isUsage } from './changes.ts'
import { Draft, Needs } from './draft.ts'
import { failure, guardNeeds } from './guards.ts'
import type { Layout } from './layout.ts'
import type { OrderedStore } from './ordered-store.ts'
import { decodeNodeValue } from './stored.ts'

/** How long a commit may lose to others (engine.ts). */
const WAIT_MS = 30_000
/** Commits of one transaction: together below what a store takes in one request, as a rule. */
const MAX_GROUP = 32
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
  settle(outcome: Outcome): void
}

/** How one commit of a draft ended; `thrown` came of its changes. */
type Outcome = { readonly result: CommitResult } | { readonly thrown: unknown }

interface Line {
  readonly waiting: Waiting[]
  running: boolean
}

export class Committer {
  readonly #parts: CommitterParts
  readonly #lines = new Map<number, Line>()

  constructor(parts: CommitterParts) {
    this.#parts = parts
  }

  /** Without the usage changes among `changes`. */
  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    const needs = new Needs()
    const { layout } = this.#parts
    for (const guard of guards) guardNeeds(layout, guard, needs)
    for (const change of changes) if (!isUsage(change)) changeNeeds(layout, change, needs)
    const outcome = await new Promise<Outcome>((settle) => {
      this.#enter(directoryOf(changes), { op, guards, changes, needs, settle })
    })
    if ('thrown' in outcome) throw outcome.thrown
    return outcome.result
  }

  /**
   * Work on a draft until what it rests on did not change meanwhile. `work` is repeatable; a draft that writes nothing
   * commits nothing.
   */
  async transact<T>(needs: Needs, work: (draft: Draft) => T): Promise<T> {
    const { store, clock, random } = this.#parts
    const began = clock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      const transaction = await store.begin()
      const draft = await Draft.load(transaction, needs)
      const result = work(draft)
      if (draft.writes.size === 0) return result
      const guards = [...draft.guards].filter((key) => !draft.writes.has(key))
      if (await transaction.commit(guards, draft.writes)) return result
      if (clock.monotonicMs() - began > WAIT_MS)
        throw new BackendError(
          'unavailable',
          `${store.address}: others have changed the same records for ${WAIT_MS / 1000} s; try again`,
        )
      await clock.sleep(random.next() * Math.min(MAX_PAUSE_MS, attempt * attempt))
    }
  }

  #enter(directory: number | undefined, commit: Waiting): void {
    if (directory === undefined) {
      void this.#make([commit], [])
      return
    }
    let line = this.#lines.get(directory)
    if (line === undefined) this.#lines.set(directory, (line = { waiting: [], running: false }))
    line.waiting.push(commit)
    if (!line.running) void this.#work(directory, line)
  }

  /** Until the line is empty. Never rejects. */
  async #work(directory: number, line: Line): Promise<void> {
    line.running = true
    while (line.waiting.length > 0) await this.#make(line.waiting.splice(0, MAX_GROUP), line.waiting)
    this.#lines.delete(directory)
  }

  /** Make the commits and settle them; those that cannot be made with the others go back to `line`. Never rejects. */
  async #make(group: readonly Waiting[], line: Waiting[]): Promise<void> {
    try {
      const outcomes = await this.transact(together(group), (draft) => this.#applyAll(group, draft))
      for (const [k, outcome] of outcomes.entries()) group[k]!.settle(outcome)
      line.unshift(...group.slice(outcomes.length))
    } catch (thrown) {
      for (const commit of group) commit.settle({ thrown })
    }
  }

  /** Up to a commit that asks for a range in which those before it write: the draft does not know it. */
  #applyAll(group: readonly Waiting[], draft: Draft): readonly Outcome[] {
    const outcomes: Outcome[] = []
    for (const commit of group) {
      for (const { range } of commit.needs.ranges.values()) if (draft.writesInto(range)) return outcomes
      try {
        const result = this.#apply(commit, draft)
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

function touchedNodes(layout: Layout, changes: readonly Change[], draft: Draft): readonly TouchedNode[] {
  const touched = new Set<number>()
  for (const change of changes) if (change.kind === 'touchNode') touched.add(change.ino)
  return [...touched].flatMap((ino) => {
    const value = draft.value(layout.node(ino))
    return value === null ? [] : [{ ino, node: decodeNodeValue(value) }]
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

/** The directory whose line a commit stands in. */
function directoryOf(changes: readonly Change[]): number | undefined {
  for (const change of changes) if (change.kind === 'touchNode') return change.ino
  return undefined
}
