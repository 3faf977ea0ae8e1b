/** Opening a volume's metadata by its address. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { PostgresEngine } from './engine.ts'
import { Pool } from './pool.ts'
import { parsePostgresUrl } from './url.ts'

export interface PostgresOptions {
  readonly readOnly?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  readonly metrics?: Metrics
  /** Where META_PASSWORD and META_PASSWORD_FILE are looked up. */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Open `postgres://…`. Rejects Refusal for an address with a mistake, and BackendError with the cause and a next step
 * when the server cannot be reached or refuses us: here nothing is waited for.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<PostgresEngine> {
  const { clock = systemClock, random = systemRandom, log = silentLog, readOnly = false } = options
  const { metrics = new Metrics() } = options
  const parsed = parsePostgresUrl(url, options.env)
  const { address, ignored, schema, prefix } = parsed
  if (ignored.length > 0)
    log.warn('parameters of the metadata address mean nothing here', { address, ignored })
  const pool = new Pool(parsed, readOnly, clock, random, metrics.counter('meta_round_trips'))
  try {
    await pool.start()
    return await PostgresEngine.open({
      address,
      pool,
      where: { schema, prefix },
      readOnly,
      clock,
      random,
      log,
    })
  } catch (error) {
    await pool.close()
    throw error
  }
}
