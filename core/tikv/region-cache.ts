/**
 * Which region holds a key, who leads it, and where that store is. What stores tell on errors replaces what PD told.
 * Source: shared/spec/tikv-client.md §1, §5.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Backoffer } from './backoff.ts'
import type { Channel, Dial } from './channel.ts'
import { decodeKey, encodeKey, type Key } from './keys.ts'
import type { Peer, RegionMeta } from './messages.ts'
import type { LocatedRegion, PdClient, Store } from './pd-client.ts'

export interface Region {
  readonly id: bigint
  readonly confVer: bigint
  readonly version: bigint
  readonly startKey: Key
  /** Empty: to the end of all keys. */
  readonly endKey: Key
  readonly peers: readonly Peer[]
  leader: Peer
  /** Times that a peer did not answer, one after another. */
  misses: number
}

/** Keys of one region, in the order given. */
export interface RegionGroup<T> {
  readonly region: Region
  readonly items: readonly T[]
}

export class RegionCache {
  readonly #pd: PdClient
  readonly #dial: Dial
  /** By start key, without overlaps. */
  #regions: Region[] = []
  readonly #flights = new Map<Key, Promise<Region>>()
  readonly #stores = new Map<bigint, Store>()
  readonly #channels = new Map<string, Channel>()

  constructor(pd: PdClient, dial: Dial) {
    this.#pd = pd
    this.#dial = dial
  }

  /** The region of the key. */
  locate(key: Key, backoff: Backoffer): Region | Promise<Region> {
    return this.#find(key) ?? this.#load(key, key, (encoded) => this.#pd.getRegion(encoded), backoff)
  }

  /** The region of the keys right before this one; '' stands for the end of all keys. */
  locateBefore(key: Key, backoff: Backoffer): Region | Promise<Region> {
    const at = key === '' ? this.#regions.length - 1 : this.#indexOf(key, true)
    const region = this.#regions[at]
    if (region !== undefined && endsAtOrAfter(region, key)) return region
    return this.#load(`before ${key}`, key, (encoded) => this.#askBefore(key, encoded), backoff, key)
  }

  /** Group items by the region of their key. Items of one region stay in their order. */
  async group<T>(
    items: readonly T[],
    keyOf: (item: T) => Key,
    backoff: Backoffer,
  ): Promise<RegionGroup<T>[]> {
    const groups = new Map<Region, T[]>()
    for (const item of items) {
      const found = this.locate(keyOf(item), backoff)
      const region = found instanceof Promise ? await found : found
      const group = groups.get(region)
      if (group === undefined) groups.set(region, [item])
      else group.push(item)
    }
    return [...groups].map(([region, items]) => ({ region, items }))
  }

  /** The leader's channel. Rejects `unavailable` when PD does not answer; undefined: the store is gone. */
  async channel(region: Region): Promise<Channel | undefined> {
    const { storeId } = region.leader
    let store = this.#stores.get(storeId)
    if (store === undefined) {
      store = await this.#pd.getStore(storeId)
      if (store === undefined) return undefined
      this.#stores.set(storeId, store)
    }
    const { address } = store
    let channel = this.#channels.get(address)
    if (channel === undefined) this.#channels.set(address, (channel = this.#dial(address)))
    return channel
  }

  /**
   * Whether the leader takes the timestamp of a single-phase commit from PD, so that nobody else has it: the stand-ins of
   * client-go do, which tell no version. TiKV takes the least that it may, which may be somebody's start timestamp.
   */
  commitsWithPd(region: Region): boolean {
    return this.#stores.get(region.leader.storeId)?.version === ''
  }

  drop(region: Region): void {
    const at = this.#regions.indexOf(region)
    if (at >= 0) this.#regions.splice(at, 1)
  }

  /** Somebody leads it that the store knows of. */
  moveLeader(region: Region, leader: Peer): void {
    if (region.peers.some(({ id }) => id === leader.id)) region.leader = leader
    else this.drop(region)
  }

  /** The leader's store does not answer: maybe another peer leads by now, or knows who does; at last PD does. */
  tryNextPeer(region: Region): void {
    if (++region.misses >= region.peers.length) {
      this.drop(region)
      return
    }
    const at = region.peers.findIndex(({ id }) => id === region.leader.id)
    region.leader = region.peers[(at + 1) % region.peers.length]!
  }

  /** The store of the leader has another address. */
  forgetStore(storeId: bigint): void {
    this.#stores.delete(storeId)
  }

  /** What is there instead of a region, as its store tells; its leader stays if it can. */
  replace(region: Region, current: readonly RegionMeta[]): void {
    this.drop(region)
    for (const meta of current) {
      const leader = meta.peers.find(({ storeId }) => storeId === region.leader.storeId)
      if (leader !== undefined) this.#insert(regionOf({ region: meta, leader }))
    }
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close()
  }

  #find(key: Key): Region | undefined {
    const region = this.#regions[this.#indexOf(key, false)]
    return region !== undefined && contains(region, key) ? region : undefined
  }

  /** The last region that begins at the key or before it; `before`: before it. */
  #indexOf(key: Key, before: boolean): number {
    let low = 0
    let high = this.#regions.length
    while (low < high) {
      const middle = (low + high) >> 1
      const { startKey } = this.#regions[middle]!
      if (startKey < key || (!before && startKey === key)) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** PD knows the region of a key and the one before that; the last one holds the largest key. */
  async #askBefore(key: Key, encoded: Buffer): Promise<LocatedRegion | undefined> {
    const found = await this.#pd.getRegion(key === '' ? LARGEST_KEY : encoded)
    const beginsThere = found !== undefined && key !== '' && decodeKey(found.region.startKey) === key
    return beginsThere ? this.#pd.getPrevRegion(encoded) : found
  }

  #load(
    name: string,
    key: Key,
    ask: (encoded: Buffer) => Promise<LocatedRegion | undefined>,
    backoff: Backoffer,
    end?: Key,
  ): Promise<Region> {
    let flight = this.#flights.get(name)
    if (flight === undefined) {
      flight = this.#ask(key, ask, backoff, end).finally(() => this.#flights.delete(name))
      this.#flights.set(name, flight)
    }
    return flight
  }

  async #ask(
    key: Key,
    ask: (encoded: Buffer) => Promise<LocatedRegion | undefined>,
    backoff: Backoffer,
    end: Key | undefined,
  ): Promise<Region> {
    const encoded = encodeKey(key)
    for (;;) {
      const found = await ask(encoded)
      if (found !== undefined) {
        const region = regionOf(found)
        if (end === undefined ? contains(region, key) : endsAtOrAfter(region, end)) {
          this.#insert(region)
          return region
        }
      }
      await backoff.pause('regionMiss', 'PD knows no region for a key')
    }
  }

  /** In the place of all that overlap it, unless one of them is newer. */
  #insert(region: Region): void {
    const overlaps = (other: Region): boolean =>
      (other.endKey === '' || region.startKey < other.endKey) &&
      (region.endKey === '' || other.startKey < region.endKey)
    if (this.#regions.some((other) => overlaps(other) && other.version > region.version)) return
    this.#regions = this.#regions.filter((other) => !overlaps(other))
    this.#regions.splice(this.#indexOf(region.startKey, false) + 1, 0, region)
  }
}

/** In PD's form, above every key a volume has. */
const LARGEST_KEY = Buffer.alloc(64, 0xff)

function contains({ startKey, endKey }: Region, key: Key): boolean {
  return startKey <= key && (endKey === '' || key < endKey)
}

/** It holds the keys right before `end`; '' is the end of all keys. */
function endsAtOrAfter({ startKey, endKey }: Region, end: Key): boolean {
  return end === '' ? endKey === '' : startKey < end && (endKey === '' || end <= endKey)
}

function regionOf({ region, leader }: LocatedRegion): Region {
  const { id, confVer, version, peers } = region
  // While an election is under way PD names no leader: any peer tells who it is.
  const first = leader === undefined || leader.id === 0n ? peers[0] : leader
  if (first === undefined) throw new BackendError('corrupt', `PD told of region ${id} without any peer`)
  return {
    id,
    confVer,
    version,
    startKey: decodeKey(region.startKey),
    endKey: decodeKey(region.endKey),
    peers,
    leader: first,
    misses: 0,
  }
}
