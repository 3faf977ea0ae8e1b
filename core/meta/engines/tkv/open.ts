/** Opening metadata in TiKV by its address. */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import type { Random } from '#core/base/random.ts'
import { TxnClient } from '#core/tikv/client.ts'
import { TkvEngine } from './engine.ts'
import { TikvStore } from './tikv-store.ts'
import { parseTikvUrl } from './url.ts'

export interface TikvOptions {
  readonly readOnly?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  readonly metrics?: Metrics
}

/**
 * Open `tikv://…`. Rejects Refusal for an address with a mistake, and BackendError with the cause and a next step when the
 * cluster cannot be reached or is another.
 */
export async function openTikv(url: string, options: TikvOptions = {}): Promise<TkvEngine> {
  const { pdAddresses, prefix, security, address } = parseTikvUrl(url)
  const { readOnly, metrics = new Metrics(), ...parts } = options
  const client = await TxnClient.connect(pdAddresses, { ...parts, security, address })
  const roundTrips = metrics.counter('meta_round_trips')
  const store = new TikvStore(client, address, (count) => roundTrips.add(count))
  return new TkvEngine({ ...parts, store, prefix, readOnly })
}
