/**
 * How an operation runs: read, decide, commit under guards, and again if somebody was faster.
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
  FailedGuard,
  Guard,
  MetaEngine,
  RecordKey,
  RecordValue,
  RecordValues,
} from './engine.ts'
import type { Edge, NodeRecord } from './records.ts'

/** Tries of one operation before it gives up with EIO, as the reference has it (meta-redis.md §3). */
const MAX_TRIES = 50

export class Tx {
  readonly guards: Guard[] = []
  readonly changes: Change[] = []
  readonly #engine: MetaEngine
  readonly #seen: ReadonlyMap<string, RecordValue>
  readonly #effects: ((replies: readonly number[]) => void)[] = []

  constructor(engine: MetaEngine, seen: ReadonlyMap<string, RecordValue>) {
    this.#engine = engine
    this.#seen = seen
  }

  /** Records in the order asked; one round trip for those a failed try has not brought already. */
  async read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    if (this.#seen.size === 0) return this.#engine.read(keys)
    const values: RecordValue[] = keys.map((key) => this.#seen.get(keyText(key)) ?? null)
    const missing = keys.map((_, at) => at).filter((at) => !this.#seen.has(keyText(keys[at]!)))
    if (missing.length > 0) {
      const read = await this.#engine.read(missing.map((at) => keys[at]!))
      for (const [k, at] of missing.entries()) values[at] = read[k]!
    }
    return values as RecordValues<Keys>
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
}

/**
 * Run `body` until its guards hold at commit. A body without changes commits nothing.
 * Errors: what the body throws, at once; EIO after 50 lost races.
 */
export async function run<T>(by: Runner, op: string, body: (tx: Tx) => Promise<T>): Promise<T> {
  const seen = new Map<string, RecordValue>()
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const tx = new Tx(by.engine, seen)
    const result = await body(tx)
    if (tx.changes.length === 0) {
      tx.committed([])
      return result
    }
    const outcome = await by.engine.commit(op, tx.guards, tx.changes)
    if (outcome.ok) {
      tx.committed(outcome.replies)
      return result
    }
    seen.clear()
    for (const failed of outcome.failed) remember(seen, tx.guards[failed.guard]!, failed)
    if (attempt > 0) await by.clock.sleep(by.random.next() * attempt * attempt)
  }
  throw fail(EIO, op, `gave up after ${MAX_TRIES} conflicts with other clients`)
}

function remember(seen: Map<string, RecordValue>, guard: Guard, { actual }: FailedGuard): void {
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
