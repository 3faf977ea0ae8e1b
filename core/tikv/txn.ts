/** A transaction: reads of one moment, and writes that are kept here until `commit`. */
import { BackendError } from '#core/base/errno.ts'
import { type CommitMoment, TwoPhaseCommitter, type TxnTimes } from './committer.ts'
import type { Key } from './keys.ts'
import { type KeyValue, type Mutation, OP_DEL, OP_INSERT, OP_LOCK, OP_PUT } from './kv-messages.ts'
import type { Shared } from './shared.ts'
import { KvSnapshot, type ScanRequest } from './snapshot.ts'
import type { Timestamp } from './timestamp.ts'

export class KvTxn {
  readonly startTs: Timestamp
  readonly #shared: Shared
  readonly #times: Omit<TxnTimes, 'minCommitTs'>
  readonly #minCommitTs: Promise<Timestamp>
  readonly #snapshot: KvSnapshot
  readonly #mutations = new Map<Key, Mutation>()
  #ended = false
  #moment: CommitMoment | undefined

  /** `minCommitTs` may come until the commit. */
  constructor(shared: Shared, times: Omit<TxnTimes, 'minCommitTs'>, minCommitTs: Promise<Timestamp>) {
    this.#shared = shared
    this.startTs = times.startTs
    this.#times = times
    this.#minCommitTs = minCommitTs
    minCommitTs.catch(() => {}) // told by the commit, if there is one
    this.#snapshot = new KvSnapshot(shared, times.startTs)
  }

  /** What the transaction began with; its own writes are not seen. */
  get snapshot(): KvSnapshot {
    return this.#snapshot
  }

  /** Own writes first. Undefined when the key does not exist. */
  async get(key: Key): Promise<Buffer | undefined> {
    const own = this.#mutations.get(key)
    if (own !== undefined && own.op !== OP_LOCK) return own.value && Buffer.from(own.value)
    return this.#snapshot.get(key)
  }

  /** As the snapshot has it: own writes are not seen. */
  scan(request: ScanRequest): Promise<KeyValue[]> {
    return this.#snapshot.scan(request)
  }

  /** TiKV holds no empty values. */
  set(key: Key, value: Uint8Array): void {
    if (value.length === 0) throw new BackendError('invalid', 'TiKV holds no empty values')
    this.#mutations.set(key, { op: OP_PUT, key, value })
  }

  /** The commit fails when the key exists, whether or not it did when the transaction began. */
  insert(key: Key, value: Uint8Array): void {
    this.set(key, value)
    this.#mutations.set(key, { op: OP_INSERT, key, value })
  }

  delete(key: Key): void {
    this.#mutations.set(key, { op: OP_DEL, key })
  }

  /** The commit fails when one of them was changed by others since the transaction began. */
  lockKeys(...keys: readonly Key[]): void {
    for (const key of keys) if (!this.#mutations.has(key)) this.#mutations.set(key, { op: OP_LOCK, key })
  }

  /**
   * Write everything at once. The commit timestamp, or undefined when others changed one of the keys first: begin again.
   * Without any write there is nothing to commit, and the start timestamp is returned.
   */
  async commit(): Promise<Timestamp | undefined> {
    this.#end()
    const mutations = [...this.#mutations.values()]
    if (mutations.length === 0) return this.startTs
    const times = { ...this.#times, minCommitTs: await this.#minCommitTs }
    const committer = new TwoPhaseCommitter(this.#shared, times, mutations)
    const commitTs = await committer.commit()
    if (commitTs === 0n) return undefined
    this.#moment = committer.moment
    return commitTs
  }

  /** Where it was committed, if one other transaction may begin there. */
  get moment(): CommitMoment | undefined {
    return this.#moment
  }

  /** Nothing has been sent to the stores yet: nothing is left there. */
  rollback(): void {
    this.#end()
  }

  #end(): void {
    if (this.#ended) throw new BackendError('invalid', 'this transaction has ended')
    this.#ended = true
  }
}
