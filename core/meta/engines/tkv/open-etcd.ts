/** Opening metadata in etcd by its address. */
import { systemClock } from '#core/base/clock.ts'
import { Metrics } from '#core/base/metrics.ts'
import { systemRandom } from '#core/base/random.ts'
import { TkvEngine } from './engine.ts'
import { EtcdClient } from './etcd-client.ts'
import { EtcdStore } from './etcd-store.ts'
import { parseEtcdUrl } from './etcd-url.ts'
import type { TikvOptions } from './open.ts'

/**
 * Open `etcd://…`. Rejects Refusal for an address with a mistake, and BackendError with the cause and a next step when no
 * member can be reached or it lets nobody in.
 */
export async function openEtcd(text: string, options: TikvOptions = {}): Promise<TkvEngine> {
  const url = parseEtcdUrl(text)
  const { readOnly, metrics = new Metrics(), ...parts } = options
  const { clock = systemClock, random = systemRandom } = parts
  const client = await EtcdClient.connect(url, { clock, random })
  const roundTrips = metrics.counter('meta_round_trips')
  const store = new EtcdStore(client, url.prefix, (count) => roundTrips.add(count))
  return new TkvEngine({ ...parts, store, prefix: url.prefix, readOnly })
}
