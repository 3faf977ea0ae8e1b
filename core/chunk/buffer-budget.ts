/**
 * The memory that writes and reads under way may use: a hard ceiling with two lines of waiters.
 *
 *     |<------------------ limit ------------------>|
 *     |  anybody               | growth  | payload  |
 *
 * Who holds nothing waits in the ordinary line, served in order. Who holds a buffer and needs more would make
 * a circle by waiting there (everybody holds half a block, nobody can complete one), so two reserves are kept
 * for such: `growth` lets one block at a time grow to its full size, `payload` one compressed block at a time be
 * uploaded. A block that was completed and uploaded gives back what it held, so both lines always move on as
 * long as uploads do; a grown block that nobody fills is finished by its owner, whom `onPressure` asks.
 */
import { BackendError } from '#core/base/errno.ts'

/** Why more is taken by someone who holds some already. */
export type Reserve = 'growth' | 'payload'

/** Bytes taken from the budget. Give it back exactly once. */
export interface Share {
  readonly bytes: number
  readonly reserve: Reserve | undefined
}

interface Waiter {
  readonly bytes: number
  readonly reserve: Reserve | undefined
  readonly grant: (share: Share) => void
}

export class BufferBudget {
  readonly limit: number
  readonly #onPressure: () => void
  readonly #reserves: Readonly<Record<Reserve, number>>
  readonly #busy: Record<Reserve, boolean> = { growth: false, payload: false }
  readonly #first: Waiter[] = []
  readonly #line: Waiter[] = []
  /** Taken from the part that is open to anybody. */
  #open = 0
  #used = 0
  #peak = 0
  #pressing = false

  /** `reserves` are what one block at a time may need on top; they must leave something of `limit`. */
  constructor(limit: number, reserves: Readonly<Record<Reserve, number>>, onPressure: () => void) {
    this.limit = limit
    this.#reserves = reserves
    this.#onPressure = onPressure
  }

  get used(): number {
    return this.#used
  }

  get peak(): number {
    return this.#peak
  }

  get waiting(): number {
    return this.#first.length + this.#line.length
  }

  get #openLimit(): number {
    return this.limit - this.#reserves.growth - this.#reserves.payload
  }

  /**
   * Take `bytes` at once, never from a reserve; undefined when that cannot be. Overtakes nobody, but who is
   * `holding` buffers already passes those who are not.
   */
  tryTake(bytes: number, holding = false): Share | undefined {
    if (this.#first.length > 0 || (!holding && this.#line.length > 0)) return undefined
    return this.#grab(bytes, undefined)
  }

  /**
   * Take `bytes`, waiting in line for them. With `reserve` the caller holds buffers already; it must ask for all
   * it will need, since what a reserve gave cannot be added to. Errors: the signal's reason; BackendError `invalid` for more than there can ever be.
   */
  take(bytes: number, reserve?: Reserve, signal?: AbortSignal): Promise<Share> {
    if (bytes > (reserve === undefined ? this.#openLimit : this.#reserves[reserve])) {
      return Promise.reject(new BackendError('invalid', `a buffer of ${bytes} bytes is above the budget`))
    }
    if (signal?.aborted) return Promise.reject(signal.reason)
    const alone = this.#first.length === 0 && (reserve !== undefined || this.#line.length === 0)
    const share = alone ? this.#grab(bytes, reserve) : undefined
    if (share !== undefined) return Promise.resolve(share)
    const line = reserve === undefined ? this.#line : this.#first
    const waited = new Promise<Share>((resolve, reject) => {
      const onAbort = (): void => {
        line.splice(line.indexOf(waiter), 1)
        this.#serve()
        reject(signal?.reason)
      }
      const waiter: Waiter = {
        bytes,
        reserve,
        grant(granted) {
          signal?.removeEventListener('abort', onAbort)
          resolve(granted)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      line.push(waiter)
    })
    // The other reserve may be free, although somebody waits for this one or that.
    if (reserve !== undefined) this.#serve()
    this.#press()
    return waited
  }

  give(share: Share): void {
    this.#used -= share.bytes
    if (share.reserve === undefined) this.#open -= share.bytes
    else this.#busy[share.reserve] = false
    this.#serve()
    if (this.waiting > 0) this.#press()
  }

  #grab(bytes: number, reserve: Reserve | undefined): Share | undefined {
    if (this.#open + bytes <= this.#openLimit) {
      this.#open += bytes
      return this.#taken({ bytes, reserve: undefined })
    }
    if (reserve === undefined || this.#busy[reserve] || bytes > this.#reserves[reserve]) return undefined
    this.#busy[reserve] = true
    return this.#taken({ bytes, reserve })
  }

  #taken(share: Share): Share {
    this.#used += share.bytes
    this.#peak = Math.max(this.#peak, this.#used)
    return share
  }

  /** Tell the owner, but not from inside its own call. */
  #press(): void {
    if (this.#pressing) return
    this.#pressing = true
    queueMicrotask(() => {
      this.#pressing = false
      if (this.waiting > 0) this.#onPressure()
    })
  }

  #serve(): void {
    // The two reserves are apart: one kind waiting must not hold up the other.
    for (let at = 0; at < this.#first.length; ) {
      const waiter = this.#first[at]!
      const share = this.#grab(waiter.bytes, waiter.reserve)
      if (share === undefined) {
        at++
        continue
      }
      this.#first.splice(at, 1)
      waiter.grant(share)
    }
    while (this.#first.length === 0 && this.#line.length > 0) {
      const share = this.#grab(this.#line[0]!.bytes, undefined)
      if (share === undefined) return
      this.#line.shift()!.grant(share)
    }
  }
}
