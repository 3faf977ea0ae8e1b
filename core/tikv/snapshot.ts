/**
 * Reads of one moment: what was committed at a timestamp, or the newest at MAX_TIMESTAMP, then without a timestamp from PD
 * and not all of one moment.
 *
 * Source: shared/spec/tikv-client.md §2 (KvGet, KvBatchGet, KvScan), §4.
 */
import type { Backoffer } from './backoff.ts'
import { type Key, keyToBytes } from './keys.ts'
import { addKeys, type KeyError, type KeyValue, keyErrorAt, type LockInfo, pairsFrom } from './kv-messages.ts'
import type { Region } from './region-cache.ts'
import { keyFailure, newBackoff, READ_MS, type Shared } from './shared.ts'
import type { Timestamp } from './timestamp.ts'

/** Keys of one KvBatchGet. */
const BATCH_KEYS = 5_000
/** Pairs of one KvScan. */
const SCAN_PAIRS = 10_240

export interface ScanRequest {
  readonly start: Key
  /** Not in the range; '' is the end of all keys. */
  readonly end: Key
  readonly limit: number
  readonly reverse?: boolean
  readonly keyOnly?: boolean
}

export class KvSnapshot {
  readonly version: Timestamp
  readonly #shared: Shared
  /** Locks of transactions that do not concern this snapshot. */
  readonly #resolved = new Set<Timestamp>()

  constructor(shared: Shared, version: Timestamp) {
    this.#shared = shared
    this.version = version
  }

  /** Undefined when the key does not exist. */
  async get(key: Key): Promise<Buffer | undefined> {
    return (await this.batchGet([key])).get(key)
  }

  /** Keys that exist, with their values. */
  async batchGet(keys: readonly Key[]): Promise<Map<Key, Buffer>> {
    const found = new Map<Key, Buffer>()
    const backoff = newBackoff(this.#shared, READ_MS)
    for (let todo: readonly Key[] = [...new Set(keys)]; todo.length > 0; ) {
      const groups = await this.#shared.regions.group(todo, (key) => key, backoff)
      const left = await Promise.all(
        groups.map(({ region, items }) => this.#getAll(region, items, found, backoff)),
      )
      todo = left.flat()
    }
    return found
  }

  /** Pairs in the order of the scan, fewer than `limit` at the end of the range. */
  async scan({ start, end, limit, reverse = false, keyOnly = false }: ScanRequest): Promise<KeyValue[]> {
    const { regions } = this.#shared
    const all: KeyValue[] = []
    let [from, to] = [start, end]
    while (all.length < limit && (to === '' || from < to)) {
      const backoff = newBackoff(this.#shared, READ_MS)
      const region = await (reverse ? regions.locateBefore(to, backoff) : regions.locate(from, backoff))
      const [low, high] = [later(from, region.startKey), earlier(to, region.endKey)]
      const wanted = Math.min(limit - all.length, SCAN_PAIRS)
      const pairs = await this.#scanRegion(region, low, high, wanted, reverse, keyOnly, backoff)
      if (pairs === undefined) continue
      for (const pair of pairs) all.push(pair)
      const last = pairs.length < wanted ? undefined : pairs.at(-1)!.key
      if (reverse) to = last ?? low
      else from = last === undefined ? high : `${last}\0`
      if (last === undefined && (reverse ? low === start : high === end)) break
    }
    return all
  }

  /** Get keys of one region into `found`; returns those to be asked for again. */
  async #getAll(
    region: Region,
    keys: readonly Key[],
    found: Map<Key, Buffer>,
    backoff: Backoffer,
  ): Promise<readonly Key[]> {
    if (keys.length === 1) return this.#getOne(region, keys[0]!, found, backoff)
    const batch = keys.slice(0, BATCH_KEYS)
    const answer = await this.#shared.sender.send(
      region,
      'KvBatchGet',
      (writer) => addKeys(writer, 2, batch).number(3, this.version),
      backoff,
      { resolvedLocks: this.#resolved },
    )
    if (answer.kind !== 'reply') return keys
    const error = keyErrorAt(answer.reply, 5)
    if (error !== undefined) {
      await this.#pass([error], backoff)
      return keys
    }
    const pairs = pairsFrom(answer.reply.each(2))
    for (const { key, value } of pairs.found) if (value.length > 0) found.set(key, value)
    const locked = pairs.errors.length === 0 ? [] : await this.#pass(pairs.errors, backoff)
    return [...locked.map(({ key }) => key), ...keys.slice(BATCH_KEYS)]
  }

  async #getOne(
    region: Region,
    key: Key,
    found: Map<Key, Buffer>,
    backoff: Backoffer,
  ): Promise<readonly Key[]> {
    const answer = await this.#shared.sender.send(
      region,
      'KvGet',
      (writer) => writer.bytes(2, keyToBytes(key)).number(3, this.version),
      backoff,
      { resolvedLocks: this.#resolved },
    )
    if (answer.kind !== 'reply') return [key]
    const error = keyErrorAt(answer.reply, 2)
    if (error !== undefined) {
      await this.#pass([error], backoff)
      return [key]
    }
    const value = answer.reply.bytes(3)
    if (value.length > 0) found.set(key, value)
    return []
  }

  /** Undefined: again, from the same place. */
  async #scanRegion(
    region: Region,
    low: Key,
    high: Key,
    limit: number,
    reverse: boolean,
    keyOnly: boolean,
    backoff: Backoffer,
  ): Promise<readonly KeyValue[] | undefined> {
    const answer = await this.#shared.sender.send(
      region,
      'KvScan',
      (writer) => {
        writer
          .bytes(2, keyToBytes(reverse ? high : low))
          .number(3, limit)
          .number(4, this.version)
          .number(5, Number(keyOnly))
          .number(6, Number(reverse))
          .bytes(7, keyToBytes(reverse ? low : high))
      },
      backoff,
      { resolvedLocks: this.#resolved },
    )
    if (answer.kind !== 'reply') return undefined
    const error = keyErrorAt(answer.reply, 3)
    const { found, errors } = pairsFrom(answer.reply.each(2))
    if (error === undefined && errors.length === 0) return found
    await this.#pass(error === undefined ? errors : [error], backoff)
    return undefined
  }

  /** Do what has to be done about locks in the way, waiting where one is alive. Returns them. */
  async #pass(errors: readonly KeyError[], backoff: Backoffer): Promise<readonly LockInfo[]> {
    const locks: LockInfo[] = []
    for (const error of errors) {
      if (error.kind !== 'locked') throw keyFailure(this.#shared.address, error)
      locks.push(error.lock)
    }
    const { passed, waitMs } = await this.#shared.resolver.resolve(locks, this.version, backoff)
    // A transaction met first at the newest timestamp has not been committed yet: what is older is the newest.
    for (const version of passed) this.#resolved.add(version)
    if (waitMs > 0) await backoff.pause('txnLock', 'a key is locked by another transaction', waitMs)
    return locks
  }
}

function later(a: Key, b: Key): Key {
  return a > b ? a : b
}

/** '' is the end of all keys. */
function earlier(a: Key, b: Key): Key {
  if (a === '') return b
  return b === '' || a < b ? a : b
}
