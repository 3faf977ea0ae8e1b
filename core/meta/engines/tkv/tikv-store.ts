/** TiKV as an ordered store. */
import type { Finding } from '#core/base/finding.ts'
import type { TxnClient } from '#core/tikv/client.ts'
import type { KvSnapshot } from '#core/tikv/snapshot.ts'
import type {
  Key,
  KeyRange,
  Moment,
  OrderedStore,
  Pair,
  ScanOptions,
  StoreReader,
  StoreTransaction,
} from './ordered-store.ts'

/** Asked one after the other, for their mean. */
const TIMESTAMPS = 5

export class TikvStore implements OrderedStore {
  readonly scheme = 'tikv'
  readonly address: string
  readonly #client: TxnClient
  readonly #sent: (count: number) => void

  /** The store owns the client. `sent` hears of requests that are waited for. */
  constructor(client: TxnClient, address: string, sent: (count: number) => void = () => {}) {
    this.#client = client
    this.address = address
    this.#sent = sent
  }

  async get(keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]> {
    if (keys.length > 0) this.#sent(1)
    return valuesOf(this.#client.getSnapshot(), keys)
  }

  async scan(range: KeyRange, options: ScanOptions): Promise<readonly Pair[]> {
    this.#sent(1)
    return pairsOf(this.#client.getSnapshot(), range, options)
  }

  async begin(on?: Moment): Promise<StoreTransaction> {
    this.#sent(1)
    const txn = await this.#client.begin(on)
    const reader: StoreReader = {
      get: (keys) => {
        if (keys.length > 0) this.#sent(1)
        return valuesOf(txn.snapshot, keys)
      },
      scan: (range, options) => {
        this.#sent(1)
        return pairsOf(txn.snapshot, range, options)
      },
    }
    return {
      ...reader,
      get left() {
        return txn.moment
      },
      commit: async (guards, writes, inserts) => {
        this.#sent(1)
        txn.lockKeys(...guards)
        for (const [key, value] of writes) {
          if (value === null) txn.delete(key)
          else if (inserts?.has(key)) txn.insert(key, value)
          else txn.set(key, value)
        }
        return (await txn.commit()) !== undefined
      },
    }
  }

  deleteRange({ from, to }: KeyRange): Promise<void> {
    return this.#client.deleteRange(from, to)
  }

  serverTimeMs(): Promise<number> {
    return this.#client.getCurrentTimeMs()
  }

  async examine(): Promise<readonly Finding[]> {
    const started = performance.now()
    for (let asked = 0; asked < TIMESTAMPS; asked++) await this.#client.getTimestamp()
    const ms = ((performance.now() - started) / TIMESTAMPS).toFixed(1)
    const sentence = `TiKV cluster ${this.#client.clusterId}; its PD gives a timestamp, which every change needs, in ${ms} ms.`
    return [{ level: 'ok', code: 'tikv-cluster', sentence }]
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

async function valuesOf(snapshot: KvSnapshot, keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]> {
  if (keys.length === 0) return []
  const found = await snapshot.batchGet(keys)
  return keys.map((key) => found.get(key) ?? null)
}

function pairsOf(
  snapshot: KvSnapshot,
  { from, to }: KeyRange,
  { limit, reverse, keysOnly }: ScanOptions,
): Promise<readonly Pair[]> {
  return snapshot.scan({ start: from, end: to, limit, reverse, keyOnly: keysOnly })
}
