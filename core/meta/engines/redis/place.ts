/**
 * Where a Redis volume lives, as `connect.ts` hands it to the engine: a connection that is kept up, the key prefix, and
 * who has to hear about commits. The engine (layout, scripts, records) knows nothing of URLs, TLS, Sentinel, clusters
 * or reconnecting; the place knows nothing of records.
 */
import type { ChangeListener } from '#core/meta/engine.ts'
import type { RedisClient } from './client.ts'

/** Every key, with its prefix, that the script of one commit may write. The array object stands for the commit. */
export type CommitKeys = readonly string[]

/** `applied`, `refused` (a guard did not hold, nothing changed), or `lost`: the connection went before the answer. */
export type CommitOutcome = 'applied' | 'refused' | 'lost'

/** Hears of this engine's own writes, to tell their echoes from changes by others. Both return at once. */
export interface CommitWatcher {
  /** About to be sent. */
  sent(keys: CommitKeys): void
  /** Once for every `sent`, with the very same array, in the order of the answers. */
  settled(keys: CommitKeys, outcome: CommitOutcome): void
}

export interface RedisPlace {
  readonly scheme: 'redis' | 'rediss' | 'unix'
  /** Before every key: '' on one server, `{db}` on a cluster (meta-redis.md §1.3). */
  readonly prefix: string
  /** Without any secret. */
  readonly address: string
  readonly readOnly: boolean
  /** Absent while nobody listens to changes. */
  readonly watcher: CommitWatcher | undefined
  /**
   * Run `send` on the one data connection (answers come in the order of sending), and again within the read time-out
   * while that may help. For what may be sent twice. Rejects BackendError.
   */
  repeat<T>(send: (client: RedisClient) => Promise<T>): Promise<T>
  /** Run `send`; again only when the server certainly did nothing. Rejects LostAnswer when that is not known. */
  once<T>(send: (client: RedisClient) => Promise<T>): Promise<T>
  /**
   * Resolves when nothing that was sent over a lost connection can still be executed: what is read from then on shows
   * whether it was. Rejects `unavailable` when the server does not come back in time.
   */
  settle(): Promise<void>
  /** Push changes to `listener` until the returned function is called. Rejects `unavailable` when the server refuses. */
  listen(listener: ChangeListener): Promise<() => void>
  close(): Promise<void>
}
