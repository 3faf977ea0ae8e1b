/**
 * How long others take this client for alive. A session is cleaned away, with its locks, when its last sign of life is
 * too old: a process that was stopped, or a machine that slept, finds out by its own clock that this may have happened,
 * and asks before it trusts a lock again.
 *
 * Source: shared/spec/meta-records.md §12. Reporting lost locks is ours; Linux' NFS client answers them with EIO, too.
 */
import type { Ino } from '#core/base/ino.ts'

export class Lease {
  /** Monotonic milliseconds until which nobody takes this client for dead. */
  untilMs = Number.POSITIVE_INFINITY
  /** Told of inodes whose locks, held by this client, are gone. */
  onLocksLost: (inodes: ReadonlySet<Ino>) => void = () => {}
  /** Gives a sign of life, and reports lost locks before it resolves; owned by the session. */
  extend: () => Promise<void> = async () => {}
  #renewing: Promise<void> | undefined

  /** As `extend`, once for all who ask meanwhile. Errors: those of the metadata engine. */
  renew(): Promise<void> {
    this.#renewing ??= this.extend().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }
}
