/**
 * Where a Redis volume lives, as `connect.ts` hands it to the engine: a ready connection, the key prefix, and who has
 * to hear about commits. The engine (layout, scripts, records) knows nothing of URLs, TLS, Sentinel or reconnecting;
 * the place knows nothing of records.
 */
import type { Redis } from 'ioredis'
import type { ChangeListener } from '#core/meta/engine.ts'

/**
 * The data connection: one, so that answers come in the order of the commits. Never resends a commit by itself. Behind
 * Sentinel it goes to the primary; in a cluster to the node that owns the volume's slot (all keys are in one).
 */
export type RedisClient = Redis

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
  /**
   * Run `send` on the live connection, waiting for one while there is none. Run again when the connection went before
   * the answer or the server says "not now" (LOADING, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, MOVED, BUSY), until the read
   * time-out (30 s) has passed. For what may be sent twice: reads. `send` uses the client it is given and no other, and
   * rejects with the driver's error as it is (also one of a pipeline's). Rejects BackendError.
   */
  repeat<T>(send: (client: RedisClient) => Promise<T>): Promise<T>
  /**
   * The same for what must not be sent twice: run again only when the server certainly did nothing. Rejects
   * `LostAnswer` (errors.ts) when the connection went before the answer: call `settle`, then read back.
   */
  once<T>(send: (client: RedisClient) => Promise<T>): Promise<T>
  /** Before every key: '' on one server, `{db}` on a cluster (meta-redis.md §1.3). */
  readonly prefix: string
  /** Without any secret. */
  readonly address: string
  readonly scheme: 'redis' | 'rediss' | 'unix'
  readonly readOnly: boolean
  /** Present once somebody listens to changes. */
  readonly watcher?: CommitWatcher | undefined
  /** Push changes to `listener` until the returned function is called. Rejects `unavailable` when the server refuses. */
  listen?(listener: ChangeListener): Promise<() => void>
  /**
   * Resolves when no commit that was sent over a lost connection can still be applied: what is read from then on
   * shows whether it was. Rejects `unavailable` when the server does not come back in time.
   */
  settle(): Promise<void>
  close(): Promise<void>
}
