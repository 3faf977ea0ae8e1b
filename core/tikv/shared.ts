/** What snapshots, transactions and the resolution of locks of one client share. */
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import { Backoffer, type BackoffParts } from './backoff.ts'
import type { KeyError } from './kv-messages.ts'
import type { LockResolver } from './lock-resolver.ts'
import type { PdOracle } from './oracle.ts'
import type { RegionCache } from './region-cache.ts'
import type { RegionRequestSender } from './region-request.ts'

export interface Shared extends BackoffParts {
  readonly oracle: PdOracle
  readonly regions: RegionCache
  readonly sender: RegionRequestSender
  readonly resolver: LockResolver
  readonly log: Log
  /** Second phases of commits and roll-backs that nobody waits for. */
  readonly tasks: TaskSet
}

/** How long reads and writes are tried, with all pauses (client-go: the same). */
export const READ_MS = 20_000
export const WRITE_MS = 40_000

/** An error of a key that no retry mends. */
export function keyFailure(address: string, error: KeyError): BackendError {
  const text = 'text' in error ? error.text : error.kind
  if (/api.?version/i.test(text))
    return new BackendError(
      'invalid',
      `${address}: this TiKV cluster is set up for API V2 (key spaces), JuiceFS volumes need one with API V1: ${text}`,
    )
  return new BackendError('invalid', `${address}: TiKV refuses: ${text}`)
}

export function newBackoff(shared: BackoffParts, maxMs: number): Backoffer {
  return new Backoffer(shared, maxMs)
}
