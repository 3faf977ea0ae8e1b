/** What may still be used under a limit, mostly without asking the engine. */
import type { Quota } from './records.ts'

/** Up to this share of a limit the figure known here is trusted: others may have used more meanwhile. */
const TRUSTED_SHARE = 0.9

export type Limits = Pick<Quota, 'maxSpace' | 'maxInodes'>

/** Would the quota's limits (<= 0: none) hold with that much more? Shrinking is always allowed. */
export function fits(quota: Quota, space: number, inodes: number): boolean {
  return within(quota.maxSpace, quota.usedSpace, space) && within(quota.maxInodes, quota.usedInodes, inodes)
}

function within(max: number, used: number, add: number): boolean {
  return max <= 0 || add <= 0 || used + add <= max
}

/**
 * One limit with its usage. Own growth since the usage was read is counted (as soon as it is allowed, so rather
 * too high); close to the limit the stored usage is read again.
 */
export class Allowance {
  readonly #load: () => Promise<Quota>
  #known: Quota | undefined
  #space = 0
  #inodes = 0

  /** `load` reads the stored usage with the limits. */
  constructor(load: () => Promise<Quota>) {
    this.#load = load
  }

  /** Usage and limits as read just now. */
  learn(quota: Quota): void {
    this.#known = quota
    this.#space = 0
    this.#inodes = 0
  }

  async admits(space: number, inodes: number): Promise<boolean> {
    if (!this.#clearly(space, inodes)) this.learn(await this.#load())
    if (!fits(this.#known!, this.#space + space, this.#inodes + inodes)) return false
    this.#space += Math.max(0, space)
    this.#inodes += Math.max(0, inodes)
    return true
  }

  #clearly(space: number, inodes: number): boolean {
    const known = this.#known
    if (known === undefined) return false
    const careful = {
      ...known,
      maxSpace: known.maxSpace * TRUSTED_SHARE,
      maxInodes: known.maxInodes * TRUSTED_SHARE,
    }
    return fits(careful, this.#space + space, this.#inodes + inodes)
  }
}
