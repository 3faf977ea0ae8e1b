/**
 * Volume totals and quota usage that commits have added and that are not written yet, for engines where every client's
 * commits would wait for each other's, or lose to them, on these records.
 */
import type { Change, RecordKey, RecordValue } from '#core/meta/engine.ts'
import type { Quota, QuotaKind } from '#core/meta/records.ts'

export type UsageChange = Extract<Change, { kind: 'addUsage' | 'addQuotaUsage' }>

export interface UsageSum {
  space: number
  inodes: number
  /** Undefined: the volume's totals. */
  readonly quota: { readonly of: QuotaKind; readonly id: number } | undefined
}

/** A quota that only counts. */
export const NO_LIMITS: Quota = { maxSpace: -1, maxInodes: -1, usedSpace: 0, usedInodes: 0 }
const TOTALS = ''

export function isUsage(change: Change): change is UsageChange {
  return change.kind === 'addUsage' || change.kind === 'addQuotaUsage'
}

/** Whether what was read of this record has to be completed by sums. */
export function isSummed(key: RecordKey): boolean {
  return (
    key.kind === 'quota' ||
    (key.kind === 'counter' && (key.name === 'usedSpace' || key.name === 'totalInodes'))
  )
}

export function sumOf(change: UsageChange): UsageSum {
  const { space, inodes } = change
  return { space, inodes, quota: change.kind === 'addUsage' ? undefined : { of: change.of, id: change.id } }
}

export function changeOf({ quota, space, inodes }: UsageSum): UsageChange {
  return quota === undefined
    ? { kind: 'addUsage', space, inodes }
    : { kind: 'addQuotaUsage', ...quota, space, inodes }
}

export class UsageSums {
  readonly #sums = new Map<string, UsageSum>()

  get size(): number {
    return this.#sums.size
  }

  values(): Iterable<UsageSum> {
    return this.#sums.values()
  }

  /** The same for all clients. */
  inOrder(): readonly UsageSum[] {
    return [...this.#sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
  }

  /** @hot */
  add({ space, inodes, quota }: UsageSum): void {
    const name = quota === undefined ? TOTALS : nameOf(quota)
    const sum = this.#sums.get(name)
    if (sum === undefined) {
      this.#sums.set(name, { space, inodes, quota })
      return
    }
    sum.space += space
    sum.inodes += inodes
  }

  addAll(others: Iterable<UsageSum>): void {
    for (const sum of others) this.add(sum)
  }

  /** The record (`isSummed`) with what waits here. */
  complete(key: RecordKey, value: RecordValue): RecordValue {
    const sum = this.#sums.get(key.kind === 'quota' ? nameOf(key) : TOTALS)
    if (sum === undefined) return value
    if (key.kind === 'counter')
      return ((value as number | null) ?? 0) + (key.name === 'usedSpace' ? sum.space : sum.inodes)
    if (key.kind !== 'quota' || (value === null && key.of === 'dir')) return value
    const quota = (value as Quota | null) ?? NO_LIMITS
    return { ...quota, usedSpace: quota.usedSpace + sum.space, usedInodes: quota.usedInodes + sum.inodes }
  }
}

function nameOf({ of, id }: { readonly of: string; readonly id: number }): string {
  return `${of} ${id}`
}
