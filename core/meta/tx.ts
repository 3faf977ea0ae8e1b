/**
 * How an operation runs: read, decide, commit under guards, and again if somebody was faster.
 *
 * The first try takes hints from the record cache for what it reads. They are checked by the guards; when one is not
 * guarded, or the operation ends without a commit (a refusal, nothing to do), it runs again on current records.
 *
 * No lock is held between the read and the commit. A body must be repeatable: it only touches its `Tx` and
 * local variables; effects on this process go into `onCommit`.
 */

import type { Clock } from '#core/base/clock.ts'
import { EIO, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Random } from '#core/base/random.ts'
import type {
  Change,
  CommitResult,
  FailedGuard,
  Guard,
  MetaEngine,
  RecordKey,
  RecordValue,
  RecordValues,
  Trust,
} from './engine.ts'
import type { Edge, Entry, NodeRecord } from './records.ts'
import type { WriteHealth } from './write-health.ts'

/** Tries of one operation before it gives up with EIO, as the reference has it (meta-redis.md §3). */
const MAX_TRIES = 50

export class Tx {
  readonly guards: Guard[] = []
  readonly changes: Change[] = []
  readonly #engine: MetaEngine
  readonly #seen: ReadonlyMap<string, RecordValue>
  readonly #trust: Trust
  /** What was answered by hints. */
  readonly #hinted: { readonly key: RecordKey; readonly value: RecordValue }[] = []
  readonly #effects: ((replies: readonly number[]) => void)[] = []

  constructor(engine: MetaEngine, seen: ReadonlyMap<string, RecordValue>, trust: Trust) {
    this.#engine = engine
    this.#seen = seen
    this.#trust = trust
  }

  /** Whether anything was decided on hints. */
  get hinted(): boolean {
    return this.#hinted.length > 0
  }

  /** Whether a guard checks every hint. */
  get guarded(): boolean {
    return this.#hinted.every(({ key, value }) => this.#isGuarded(key, value))
  }

  /** The try before this one failed because the directory had entries. */
  metEntries(ino: Ino): boolean {
    return this.#seen.has(entriesText(ino))
  }

  /** Records in the order asked; one round trip for those a failed try has not brought already. */
  async read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    if (this.#seen.size === 0) return this.#ask(keys)
    const values: RecordValue[] = keys.map((key) => this.#seen.get(keyText(key)) ?? null)
    const missing = keys.map((_, at) => at).filter((at) => !this.#seen.has(keyText(keys[at]!)))
    if (missing.length > 0) {
      const read = await this.#ask(missing.map((at) => keys[at]!))
      for (const [k, at] of missing.entries()) values[at] = read[k]!
    }
    return values as RecordValues<Keys>
  }

  async #ask<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    const engine = this.#engine
    if (this.#trust === 'current' || engine.doubts === undefined) return engine.read(keys)
    const doubtful = engine.doubts(keys)
    const values = await engine.read(keys, 'hint')
    if (doubtful)
      for (const [at, key] of keys.entries())
        this.#hinted.push({ key, value: (values as readonly RecordValue[])[at]! })
    return values
  }

  #isGuarded(key: RecordKey, value: RecordValue): boolean {
    switch (key.kind) {
      case 'node':
        return this.#guardsNode(key.ino)
      case 'edge':
        return this.#guardsEdge(key.parent, key.name)
      case 'entry':
        return (
          this.#guardsEdge(key.parent, key.name) && (value === null || this.#guardsNode((value as Entry).ino))
        )
      default:
        return false
    }
  }

  #guardsNode(ino: Ino): boolean {
    return this.guards.some(
      (guard) => (guard.kind === 'nodeIs' || guard.kind === 'nodeLike') && guard.ino === ino,
    )
  }

  #guardsEdge(parent: Ino, name: Name): boolean {
    return this.guards.some(
      (guard) => guard.kind === 'edgeIs' && guard.parent === parent && guard.name === name,
    )
  }

  /** The node must still be exactly `is` (null: absent) when the commit is applied. */
  nodeIs(ino: Ino, is: NodeRecord | null): void {
    this.guards.push({ kind: 'nodeIs', ino, is })
  }

  /** The node may have got other times, links and length, nothing else. */
  nodeLike(ino: Ino, like: NodeRecord): void {
    this.guards.push({ kind: 'nodeLike', ino, like })
  }

  edgeIs(parent: Ino, name: Name, is: Edge | null): void {
    this.guards.push({ kind: 'edgeIs', parent, name, is })
  }

  guard(guard: Guard): void {
    this.guards.push(guard)
  }

  /** Add changes; returns the index of the first among the commit's replies. */
  change(...changes: readonly Change[]): number {
    return this.changes.push(...changes) - changes.length
  }

  /** Called once, after the commit, with the engine's replies (one per change). */
  onCommit(effect: (replies: readonly number[]) => void): void {
    this.#effects.push(effect)
  }

  committed(replies: readonly number[]): void {
    for (const effect of this.#effects) effect(replies)
  }
}

export interface Runner {
  readonly engine: MetaEngine
  readonly clock: Clock
  readonly random: Random
  /** Told how writes end. */
  readonly writes?: WriteHealth
}

/**
 * Run `body` until its guards hold at commit. A body without changes commits nothing.
 * Errors: what the body throws, at once; EIO after 50 lost races.
 */
export async function run<T>(by: Runner, op: string, body: (tx: Tx) => Promise<T>): Promise<T> {
  const seen = new Map<string, RecordValue>()
  let trust: Trust = 'hint'
  for (let attempt = 0; attempt < MAX_TRIES; ) {
    const tx = new Tx(by.engine, seen, trust)
    const { result, error } = await attempted(tx, body)
    if (tx.hinted && (error !== undefined || tx.changes.length === 0 || !tx.guarded)) {
      trust = 'current'
      continue
    }
    if (error !== undefined) {
      by.writes?.failed(error.thrown, Date.now())
      throw error.thrown
    }
    if (tx.changes.length === 0) {
      tx.committed([])
      return result as T
    }
    const outcome = await commit(by, op, tx)
    if (outcome.ok) {
      tx.committed(outcome.replies)
      return result as T
    }
    seen.clear()
    for (const failed of outcome.failed) remember(seen, tx.guards[failed.guard]!, failed)
    if (attempt > 0) await by.clock.sleep(by.random.next() * attempt * attempt)
    attempt++
  }
  throw fail(EIO, op, `gave up after ${MAX_TRIES} conflicts with other clients`)
}

async function commit(by: Runner, op: string, tx: Tx): Promise<CommitResult> {
  try {
    const outcome = await by.engine.commit(op, tx.guards, tx.changes)
    by.writes?.took()
    return outcome
  } catch (error) {
    by.writes?.failed(error, Date.now())
    throw error
  }
}

async function attempted<T>(
  tx: Tx,
  body: (tx: Tx) => Promise<T>,
): Promise<{ readonly result?: T; readonly error?: { readonly thrown: unknown } }> {
  try {
    return { result: await body(tx) }
  } catch (thrown) {
    return { error: { thrown } }
  }
}

function remember(seen: Map<string, RecordValue>, guard: Guard, { actual }: FailedGuard): void {
  if (guard.kind === 'emptyDir') seen.set(entriesText(guard.ino), null)
  if (actual === false) return
  switch (guard.kind) {
    case 'nodeIs':
    case 'nodeLike':
      seen.set(keyText({ kind: 'node', ino: guard.ino }), actual)
      return
    case 'edgeIs':
      seen.set(keyText({ kind: 'edge', parent: guard.parent, name: guard.name }), actual)
      return
    case 'chunkIs':
    case 'chunkStartsWith':
      seen.set(keyText({ kind: 'chunk', ino: guard.ino, index: guard.index }), actual)
      return
    case 'recordIs':
      seen.set(keyText(guard.key), actual)
      return
    case 'emptyDir':
      return
    default:
      guard satisfies never
  }
}

/** What stands in `seen` for a directory that was not empty. */
function entriesText(ino: Ino): string {
  return `entries ${ino}`
}

/** A text that is equal for equal keys. */
export function keyText(key: RecordKey): string {
  switch (key.kind) {
    case 'node':
    case 'symlink':
    case 'flocks':
    case 'plocks':
    case 'parents':
    case 'dirStat':
      return `${key.kind} ${key.ino}`
    case 'edge':
    case 'entry':
      return `${key.kind} ${key.parent} ${key.name}`
    case 'chunk':
      return `chunk ${key.ino} ${key.index}`
    case 'xattr':
      return `xattr ${key.ino} ${key.name}`
    case 'acl':
      return `acl ${key.id}`
    case 'session':
      return `session ${key.sid}`
    case 'quota':
      return `quota ${key.of} ${key.id}`
    case 'sliceRef':
      return `sliceRef ${key.id} ${key.size}`
    case 'delayedSlices':
      return `delayedSlices ${key.newId} ${key.deleted}`
    case 'counter':
      return `counter ${key.name}`
    case 'setting':
      return 'setting'
    default:
      return key satisfies never
  }
}
