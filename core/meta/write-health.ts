/**
 * Whether the metadata server takes writes. It may answer reads and refuse every write: a replica, a Redis at its
 * memory limit, a full disk, a user without the right. Told by every commit of this client, its heartbeat among them.
 */
import { BackendError } from '#core/base/errno.ts'

export interface WriteRefusal {
  readonly kind: 'no-space' | 'read-only' | 'denied'
  readonly sinceMs: number
  readonly message: string
}

export class WriteHealth {
  #refusal: WriteRefusal | undefined

  /** Undefined while writes are taken, as far as is known. */
  get refusal(): WriteRefusal | undefined {
    return this.#refusal
  }

  /** @hot */
  took(): void {
    if (this.#refusal !== undefined) this.#refusal = undefined
  }

  /** A write ended so. What says nothing of writes as such (no answer, a conflict) changes nothing. */
  failed(error: unknown, nowMs: number): void {
    if (!(error instanceof BackendError)) return
    const { kind, message } = error
    if (kind !== 'no-space' && kind !== 'read-only' && kind !== 'denied') return
    this.#refusal = { kind, message, sinceMs: this.#refusal?.sinceMs ?? nowMs }
  }
}
