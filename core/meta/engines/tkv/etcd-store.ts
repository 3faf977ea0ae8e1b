/**
 * etcd as an ordered store. A transaction notes the revision that wrote each key it read, and is committed when none of
 * them was written by another since, as the transactions of the reference are.
 *
 * etcd tells nobody who made a change. So each transaction also writes a key of its own kind with a number of its own,
 * which no other client reads: where the answer of a commit was lost, the versions of that key say whether it was made.
 *
 * Source: shared/spec/meta-sql-and-tkv.md §B4; etcd's documentation of its API, "KV API guarantees".
 */
import { BackendError } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import { secureBytes } from '#core/base/random.ts'
import type { EtcdClient, Tries } from './etcd-client.ts'
import {
  type Compare,
  encodeDeleteRange,
  encodeRange,
  encodeTxn,
  type KeyValue,
  type Operation,
  pairsFrom,
  type RangeRequest,
  revisionFrom,
  txnFrom,
} from './etcd-messages.ts'
import {
  after,
  type Key,
  type KeyRange,
  type Moment,
  type OrderedStore,
  type Pair,
  type ScanOptions,
  type StoreTransaction,
  type Writes,
} from './ordered-store.ts'

/** Keys of one request (--max-txn-ops is 128 unless told otherwise). */
const MAX_OPERATIONS = 128
/** Pairs removed by one request: others wait meanwhile. */
const REMOVED_AT_ONCE = 10_000
/** Commits of others looked at to find one of ours. */
const MAX_COMMITS = 10_000
/** An 8-byte counter to those who list them. */
const LAST_COMMIT = 'CpomeloCommit'
const GIB = 2 ** 30

/** What is known of the keys besides. */
interface EtcdMoment extends Moment {
  readonly revisions: ReadonlyMap<Key, number>
}

export class EtcdStore implements OrderedStore {
  readonly scheme = 'etcd'
  readonly address: string
  readonly holdsEmptyValues = true
  /** One is the store's own. */
  readonly maxKeys = MAX_OPERATIONS - 1
  readonly #client: EtcdClient
  readonly #lastCommit: Key
  readonly #sent: (count: number) => void

  /** The store owns the client. `prefix`: of the volume. `sent` hears of requests that are waited for. */
  constructor(client: EtcdClient, prefix: Key, sent: (count: number) => void = () => {}) {
    this.#client = client
    this.address = client.address
    this.#lastCommit = prefix + LAST_COMMIT
    this.#sent = sent
  }

  async get(keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]> {
    const pairs = await this.#get(keys)
    return pairs.map((pair) => pair?.value ?? null)
  }

  scan(range: KeyRange, options: ScanOptions): Promise<readonly Pair[]> {
    return this.#scan({ at: range, ...options })
  }

  async begin(on?: Moment): Promise<StoreTransaction> {
    const at = on === undefined ? await this.#revision() : Number(on.at)
    const revisions = new Map(on === undefined ? [] : (on as EtcdMoment).revisions)
    let left: EtcdMoment | undefined
    const get = async (keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]> => {
      const pairs = await this.#get(keys, at)
      for (const [k, key] of keys.entries()) revisions.set(key, pairs[k]?.modRevision ?? 0)
      return pairs.map((pair) => pair?.value ?? null)
    }
    return {
      get,
      scan: async (range, options) => {
        const pairs = await this.#scan({ at: range, revision: at, ...options })
        for (const { key, modRevision } of pairs) revisions.set(key, modRevision)
        return pairs
      },
      commit: async (guards, writes, inserts) => {
        await get(guards.filter((key) => !revisions.has(key)))
        const compares: Compare[] = [...new Set([...guards, ...writes.keys()])].map((key) => {
          const is = inserts?.has(key) ? 0 : revisions.get(key)
          return { key, modRevision: is === undefined ? { below: at + 1 } : { is } }
        })
        // Else whoever began before, and removes what is guarded here, would not see it.
        const touched = [...new Set(guards)].filter((key) => !writes.has(key) && revisions.get(key) !== 0)
        const made = await this.#commit(at, compares, writes, touched)
        if (typeof made === 'number') left = momentAfter(made, revisions, guards, touched, writes)
        return made !== false
      },
      get left() {
        return left
      },
    }
  }

  async deleteRange({ from, to }: KeyRange): Promise<void> {
    for (let next = from; ; ) {
      const pairs = await this.#scan({ at: { from: next, to }, limit: REMOVED_AT_ONCE, keysOnly: true })
      const end = pairs.length < REMOVED_AT_ONCE ? to : after(pairs.at(-1)!.key)
      await this.#ask('KV/DeleteRange', encodeDeleteRange({ from: next, to: end }))
      if (end === to) return
      next = end
    }
  }

  async examine(): Promise<readonly Finding[]> {
    const started = performance.now()
    await this.#revision()
    const ms = (performance.now() - started).toFixed(1)
    const status = await this.#ask('Maintenance/Status', Buffer.alloc(0))
    const gib = status.number(3) / GIB
    const takes = `database takes ${gib.toFixed(2)} GiB`
    const sentence = `etcd ${status.text(2)} answers in ${ms} ms; its ${takes}.`
    const findings: Finding[] = [{ level: 'ok', code: 'etcd-server', sentence }]
    if (gib >= 1)
      findings.push({
        level: 'warning',
        code: 'etcd-space',
        sentence: `etcd's ${takes}: it refuses changes above its quota, 2 GiB unless told otherwise.`,
        next: 'start etcd with --auto-compaction-retention=1h and a larger --quota-backend-bytes, and defragment it now and then',
      })
    if (!(await this.#takesLarge()))
      findings.push({
        level: 'note',
        code: 'etcd-transactions',
        sentence: 'etcd takes few keys at once: files of more than 8 GiB cannot be truncated.',
        next: 'start etcd with --max-txn-ops=4096',
      })
    return findings
  }

  async close(): Promise<void> {
    this.#client.close()
  }

  /**
   * The revision of the commit; false when a condition did not hold; true when it was made, and only that could be found
   * out. Sent again until there is an answer: what it writes is then no longer as its conditions want it.
   */
  async #commit(
    at: number,
    compares: readonly Compare[],
    writes: Writes,
    touched: readonly Key[],
  ): Promise<number | boolean> {
    const number = secureBytes(8)
    const success: Operation[] = [{ put: this.#lastCommit, value: number }]
    for (const [key, value] of writes) success.push(value === null ? { delete: key } : { put: key, value })
    for (const touch of touched) success.push({ touch })
    const failure = [{ range: { at: this.#lastCommit } }]
    const tries = { unanswered: 0 }
    try {
      const reply = await this.#ask('KV/Txn', encodeTxn({ compares, success, failure }), tries)
      const { succeeded, ranges } = txnFrom(reply)
      if (succeeded) return revisionFrom(reply)
      return tries.unanswered > 0 && (await this.#isAmong(number, at, ranges[0]?.[0]))
    } catch (error) {
      if (tries.unanswered === 0 || !(error instanceof BackendError)) throw error
      const unclear = `${error.message}; whether a change was made whose answer was lost could not be found out`
      throw new BackendError('unavailable', unclear, { cause: error })
    }
  }

  /** Whether one of the commits after a revision has this number; `last` of them is there now. */
  async #isAmong(number: Buffer, at: number, last: KeyValue | undefined): Promise<boolean> {
    let commit = last
    for (let seen = 0; commit !== undefined && commit.modRevision > at; seen++) {
      if (commit.value.equals(number)) return true
      if (seen === MAX_COMMITS)
        throw new BackendError('unavailable', `${this.address}: too many changes by others`)
      commit = (await this.#get([this.#lastCommit], commit.modRevision - 1))[0]
    }
    return false
  }

  async #takesLarge(): Promise<boolean> {
    const success = Array.from({ length: 4 * MAX_OPERATIONS }, () => ({ range: { at: this.#lastCommit } }))
    try {
      await this.#ask('KV/Txn', encodeTxn({ success }))
      return true
    } catch (error) {
      if (error instanceof BackendError && error.kind === 'invalid') return false
      throw error
    }
  }

  async #get(keys: readonly Key[], revision?: number): Promise<readonly (KeyValue | undefined)[]> {
    if (keys.length === 0) return []
    if (keys.length === 1) return [(await this.#scan({ at: keys[0]!, revision }))[0]]
    const parts: Promise<readonly (KeyValue | undefined)[]>[] = []
    for (let k = 0; k < keys.length; k += MAX_OPERATIONS) {
      const success = keys.slice(k, k + MAX_OPERATIONS).map((at) => ({ range: { at, revision } }))
      parts.push(
        this.#ask('KV/Txn', encodeTxn({ success })).then((reply) =>
          txnFrom(reply).ranges.map(([pair]) => pair),
        ),
      )
    }
    return (await Promise.all(parts)).flat()
  }

  async #scan(range: RangeRequest): Promise<readonly KeyValue[]> {
    return pairsFrom(await this.#ask('KV/Range', encodeRange(range)))
  }

  async #revision(): Promise<number> {
    return revisionFrom(await this.#ask('KV/Range', encodeRange({ at: this.#lastCommit, keysOnly: true })))
  }

  #ask(method: string, request: Buffer, tries?: Tries) {
    this.#sent(1)
    return this.#client.ask(method, request, tries)
  }
}

function momentAfter(
  revision: number,
  before: ReadonlyMap<Key, number>,
  guards: readonly Key[],
  touched: readonly Key[],
  writes: Writes,
): EtcdMoment {
  const revisions = new Map(guards.map((key) => [key, before.get(key)!]))
  for (const key of touched) revisions.set(key, revision)
  for (const [key, value] of writes) revisions.set(key, value === null ? 0 : revision)
  return { at: BigInt(revision), keys: new Set(revisions.keys()), revisions }
}
