/** Opening metadata on a Redis server by its URL. Source: shared/spec/meta-redis.md §1. */
import type { Metrics } from '#core/base/metrics.ts'
import { type ConnectOptions, connectRedis } from './connect.ts'
import { RedisEngine } from './engine.ts'

/** Rejects BackendError or Refusal when there is no way in, with a sentence that says why and what to do. */
export async function openRedis(
  url: string,
  options: ConnectOptions & { readonly metrics?: Metrics } = {},
): Promise<RedisEngine> {
  const { clock, metrics } = options
  return new RedisEngine(await connectRedis(url, options), { clock, metrics })
}
