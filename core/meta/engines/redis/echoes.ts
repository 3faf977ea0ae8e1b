/**
 * Telling the echoes of our own commits from changes by others.
 *
 * Broadcast tracking tells every key that was written, ours too (NOLOOP does not hide what a script wrote), once per
 * tick of the server. A commit is a script, so all that it wrote comes in one message: a message *explains itself* by
 * the commits whose certain keys are all in it, in the order of sending, each commit once. A key that is left over was
 * written by somebody else, and then the whole message counts as foreign: another client's change of an entry comes
 * with the key of its node, so it is seen even when its directory was ours to change in that tick, too.
 *
 * What can be mistaken is put right: a commit that another client's write seemed to explain, and that the server
 * then refused, gives the message back as foreign; one that was applied has an echo of its own still to come, which
 * nothing explains. What remains is another client's write in the very tick of one of ours, of no key but those that
 * ours under way may write.
 */
import type { ChangedScope } from '#core/meta/engine.ts'
import type { CommitKeys, CommitOutcome } from './place.ts'
import { hasScope, isCertain } from './scopes.ts'

/** Commits whose echo is awaited; older ones are given up, and their echo counts as foreign. */
const MAX_AWAITED = 4096
/** An echo comes within a moment of the answer or, the listener having been deaf, never. */
const ECHO_MS = 2_000

interface Awaited {
  readonly certain: readonly string[]
  /** Scoped keys, the certain ones among them. */
  readonly all: readonly string[]
  /** When the answer said that it was applied. */
  appliedMs: number | undefined
  /** The message that seemed to be its echo, before its answer came. */
  seen: readonly ChangedScope[] | undefined
}

export class Echoes {
  readonly #prefixLength: number
  /** By the commit, in the order of sending. */
  readonly #awaited = new Map<CommitKeys, Awaited>()

  constructor(prefix: string) {
    this.#prefixLength = prefix.length
  }

  get size(): number {
    return this.#awaited.size
  }

  sent(keys: CommitKeys): void {
    const all = keys.filter((key) => hasScope(key, this.#prefixLength))
    if (all.length === 0) return
    const certain = all.filter((key) => isCertain(key, this.#prefixLength))
    if (this.#awaited.size >= MAX_AWAITED) this.#awaited.delete(this.#awaited.keys().next().value!)
    this.#awaited.set(keys, {
      certain: certain.length > 0 ? certain : all,
      all,
      appliedMs: undefined,
      seen: undefined,
    })
  }

  /** The answer to `sent`. Returns scopes that were taken for ours and may be of others after all. */
  settled(keys: CommitKeys, outcome: CommitOutcome, nowMs: number): readonly ChangedScope[] | undefined {
    const commit = this.#awaited.get(keys)
    if (commit === undefined) return undefined
    if (outcome === 'applied' && commit.seen === undefined) {
      commit.appliedMs = nowMs
      return undefined
    }
    this.#awaited.delete(keys)
    return outcome === 'applied' || commit.seen?.length === 0 ? undefined : commit.seen
  }

  /** Whose message is it, with these keys (those that have a scope) and their scopes? */
  heard(keys: readonly string[], scopes: readonly ChangedScope[], nowMs: number): 'own' | 'foreign' {
    const left = new Set(keys)
    const explained: Awaited[] = []
    for (const [commit, awaited] of this.#awaited) {
      if (awaited.seen !== undefined) continue
      if (awaited.appliedMs !== undefined && nowMs - awaited.appliedMs > ECHO_MS) {
        this.#awaited.delete(commit)
        continue
      }
      if (awaited.certain.every((key) => left.has(key))) {
        explained.push(awaited)
        if (awaited.appliedMs !== undefined) this.#awaited.delete(commit)
      } else if (awaited.appliedMs !== undefined) break // later ones ran after it, so their echoes follow its own
    }
    for (const { all } of explained) for (const key of all) left.delete(key)
    const by = left.size === 0 ? 'own' : 'foreign'
    for (const awaited of explained) awaited.seen = by === 'own' ? scopes : []
    return by
  }

  /** Echoes may have been missed: none is awaited any more. */
  clear(): void {
    this.#awaited.clear()
  }
}
