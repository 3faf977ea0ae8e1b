/**
 * Metadata in an ordered key-value store, in the layout that JuiceFS clients share. A read is one batch of gets (two where
 * an entry's node has to be found first), a commit is one transaction (committer.ts): reads at one moment, and a write that
 * loses when anything it rests on was changed since. Peers check only what they write, not what they read, so this
 * client always writes or guards the nodes of directories whose entries it changes.
 *
 * Volume totals and quota usage are summed and written a tenth of a second later (usage.ts); everything else of a commit is
 * durable when it is answered.
 *
 * Source: shared/spec/meta-sql-and-tkv.md part B.
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError, EINVAL, fail } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import type {
  Change,
  CommitResult,
  Guard,
  ListTypes,
  MetaEngine,
  Page,
  PageRequest,
  RecordKey,
  RecordRange,
  RecordValue,
  RecordValues,
} from '#core/meta/engine.ts'
import type { AclRule, CounterName, Edge, GateName } from '#core/meta/records.ts'
import { isUsage, type UsageChange } from '../usage-sums.ts'
import { applyChange, changeNeeds, putAcl, setCounter } from './changes.ts'
import { Committer } from './committer.ts'
import { type Draft, Needs } from './draft.ts'
import { Layout } from './layout.ts'
import { Lists } from './list.ts'
import { type Key, type OrderedStore, scanAll, under } from './ordered-store.ts'
import {
  counterFrom,
  decodeNodeValue,
  FIRST_COUNTERS,
  firstGiven,
  keysOf,
  parentsFrom,
  recordFrom,
} from './stored.ts'
import { Usage } from './usage.ts'
import { decodeCount } from './values.ts'

export interface TkvEngineParts {
  readonly store: OrderedStore
  /** Before every key of the volume (§B4). */
  readonly prefix: Key
  readonly readOnly?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
}

export class TkvEngine implements MetaEngine {
  readonly scheme: string
  readonly address: string
  readonly maxRecords?: number
  /** The store's wall clock, where it has one. */
  readonly serverTimeMs?: () => Promise<number>
  readonly examine?: () => Promise<readonly Finding[]>
  readonly #store: OrderedStore
  readonly #layout: Layout
  readonly #lists: Lists
  readonly #committer: Committer
  readonly #usage: Usage
  readonly #readOnly: boolean
  readonly #log: Log
  #closing: Promise<void> | undefined

  /** The engine owns the store. */
  constructor({ store, prefix, readOnly = false, ...parts }: TkvEngineParts) {
    const { clock = systemClock, random = systemRandom, log = silentLog } = parts
    this.scheme = store.scheme
    this.address = store.address
    if (store.maxKeys !== undefined) this.maxRecords = store.maxKeys
    if (store.serverTimeMs !== undefined) this.serverTimeMs = () => store.serverTimeMs!()
    if (store.examine !== undefined) this.examine = () => store.examine!()
    this.#store = store
    this.#readOnly = readOnly
    this.#log = log
    this.#layout = new Layout(prefix)
    this.#lists = new Lists(this.#layout, store)
    this.#committer = new Committer({ store, layout: this.#layout, clock, random })
    this.#usage = new Usage((changes) => this.#writeUsage(changes), log)
  }

  async read<const Keys extends readonly RecordKey[]>(keys: Keys): Promise<RecordValues<Keys>> {
    this.#requireOpen()
    if (!keys.some((key) => this.#usage.concerns(key)))
      return this.#readAll(keys) as Promise<RecordValues<Keys>>
    for (;;) {
      while (this.#usage.flushing !== undefined) await this.#usage.flushing
      const { epoch } = this.#usage
      const values = await this.#readAll(keys)
      if (epoch !== this.#usage.epoch) continue
      return keys.map((key, k) =>
        this.#usage.concerns(key) ? this.#usage.complete(key, values[k]!) : values[k],
      ) as RecordValues<Keys>
    }
  }

  async list<R extends RecordRange>(range: R, page: PageRequest): Promise<Page<ListTypes[R['kind']]>> {
    this.#requireOpen()
    if (range.kind === 'quotas' && !this.#readOnly) await this.#usage.flush()
    return (await this.#lists.page(range, page)) as Page<ListTypes[R['kind']]>
  }

  async commit(op: string, guards: readonly Guard[], changes: readonly Change[]): Promise<CommitResult> {
    this.#requireWritable()
    if (this.#store.holdsEmptyValues !== true && changes.some(isEmptyXattr))
      throw fail(EINVAL, op, 'an extended attribute must have a value here: this engine holds no empty ones')
    if (changes.some(setsUsage)) await this.#usage.flush()
    const result = await this.#committer.commit(op, guards, changes)
    if (result.ok) for (const change of changes) if (isUsage(change)) this.#usage.add(change)
    return result
  }

  async allocate(counter: CounterName, n: number): Promise<number> {
    this.#requireWritable()
    return this.#changeCounter(counter, (value, draft) => {
      setCounter(this.#layout, draft, counter, value! + n)
      return firstGiven(counter, value!)
    })
  }

  async claim(gate: GateName, now: number, period: number): Promise<boolean> {
    this.#requireWritable()
    return this.#changeCounter(gate, (value, draft) => {
      if (Math.abs(now - (value ?? 0)) < period) return false
      setCounter(this.#layout, draft, gate, now)
      return true
    })
  }

  async insertAcl(rule: AclRule): Promise<number> {
    this.#requireWritable()
    const needs = new Needs()
    needs.keys.add(this.#layout.lastAcl)
    return this.#committer.transact(needs, (draft) => {
      const last = draft.value(this.#layout.lastAcl)
      const id = (last === null ? 0 : decodeCount(last, 'counter aclMaxId')) + 1
      putAcl(this.#layout, draft, id, rule)
      draft.keep()
      return id
    })
  }

  /** What is committed is on the disks of most of the store's members; the sums are left. */
  async sync(): Promise<void> {
    this.#requireOpen()
    await this.#usage.flush()
  }

  async initialize(): Promise<void> {
    this.#requireWritable()
    await this.#requireUnused()
    const needs = new Needs()
    const [setting, root] = [this.#layout.setting, this.#layout.node(1)]
    needs.keys.add(setting).add(root)
    await this.#committer.transact(needs, (draft) => {
      if (draft.value(setting) !== null || draft.value(root) !== null)
        throw new BackendError('invalid', `${this.address}: somebody has just made a volume here`)
      for (const [name, value] of FIRST_COUNTERS) setCounter(this.#layout, draft, name, value)
      draft.guard(setting)
      draft.guard(root)
      draft.keep()
    })
  }

  /** Counters may be left by somebody who began to format; any other key is of something else, or a volume's. */
  async #requireUnused(): Promise<void> {
    const { from, to } = under(this.#layout.prefix)
    const counters = under(this.#layout.counter(''))
    const ranges = [
      { from, to: counters.from },
      { from: counters.to, to },
    ]
    const found = await Promise.all(
      ranges.map((range) => this.#store.scan(range, { limit: 1, keysOnly: true })),
    )
    if (found.every((pairs) => pairs.length === 0)) return
    const [setting] = await this.read([{ kind: 'setting' }])
    const what = setting === null ? 'keys of something else' : 'a volume'
    throw new BackendError(
      'invalid',
      `${this.address}: there is ${what} here already; choose another name after the /`,
    )
  }

  async upgrade(): Promise<void> {
    this.#requireOpen()
  }

  async destroy(): Promise<void> {
    this.#requireWritable()
    await this.#usage.flush()
    await this.#store.deleteRange(under(this.#layout.prefix))
  }

  /** Writes the sums that wait, then lets what is under way finish. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    try {
      await this.#usage.flush()
    } catch (error) {
      const lost = 'usage counters of this client were not written; fsck counts anew'
      this.#log.warn(lost, { address: this.address, error: String(error) })
    }
    this.#usage.stop()
    await this.#store.close()
  }

  async #readAll(keys: readonly RecordKey[]): Promise<RecordValue[]> {
    const parts = keys.map((key) => (key.kind === 'parents' ? [] : keysOf(this.#layout, key)))
    const [values, ...parents] = await Promise.all([
      this.#store.get(parts.flat()),
      ...keys.flatMap((key) => (key.kind === 'parents' ? [this.#parents(key.ino)] : [])),
    ])
    let at = 0
    let nextParents = 0
    const records = keys.map((key, k) => {
      if (key.kind === 'parents') return parents[nextParents++]!
      at += parts[k]!.length
      return recordFrom(key, values.slice(at - parts[k]!.length, at))
    })
    await this.#addNodes(keys, records)
    return records
  }

  /** Entries have been read as edges. */
  async #addNodes(keys: readonly RecordKey[], records: RecordValue[]): Promise<void> {
    const found = keys.flatMap((key, k) => (key.kind === 'entry' && records[k] !== null ? [k] : []))
    if (found.length === 0) return
    const edges = found.map((k) => records[k] as Edge)
    const nodes = await this.#store.get(edges.map(({ ino }) => this.#layout.node(ino)))
    for (const [n, k] of found.entries()) {
      const value = nodes[n]!
      records[k] = { ...edges[n]!, node: value === null ? null : decodeNodeValue(value) }
    }
  }

  async #parents(ino: number): Promise<RecordValue> {
    return parentsFrom(this.#layout, await scanAll(this.#store, this.#layout.parents(ino)))
  }

  async #changeCounter<T>(name: string, change: (value: number | null, draft: Draft) => T): Promise<T> {
    const needs = new Needs()
    const key = this.#layout.counter(name)
    needs.keys.add(key)
    return this.#committer.transact(needs, (draft) => {
      const result = change(counterFrom(name, draft.value(key)), draft)
      draft.keep()
      return result
    })
  }

  async #writeUsage(changes: readonly UsageChange[]): Promise<void> {
    const needs = new Needs()
    for (const change of changes) changeNeeds(this.#layout, change, needs)
    await this.#committer.transact(needs, (draft) => {
      for (const change of changes) applyChange(this.#layout, 'usage', change, draft)
      draft.keep()
    })
  }

  #requireWritable(): void {
    this.#requireOpen()
    if (this.#readOnly)
      throw new BackendError('read-only', `${this.address}: the metadata was opened for reading only`)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined)
      throw new BackendError('closed', `${this.address}: the metadata engine has been closed`)
  }
}

function isEmptyXattr(change: Change): boolean {
  return change.kind === 'putXattr' && change.value.length === 0
}

/** Sets a figure that sums are waiting to be added to. */
function setsUsage(change: Change): boolean {
  if (change.kind === 'putCounter') return change.name === 'usedSpace' || change.name === 'totalInodes'
  return change.kind === 'putQuota' || change.kind === 'delQuota'
}
