import type { Volume } from '#core/api/volumes.ts'

export interface Sum {
  readonly readBps: number
  readonly writeBps: number
  readonly opsPerSec: number
  /** Of a single volume; null for several, whose shares cannot be added. */
  readonly hitRate: number | null
  /** Of a single volume, as the hit rate. */
  readonly metaMs: number | null
  readonly pendingBytes: number
  readonly safe: boolean
  /** At least one has rates. */
  readonly live: boolean
}

export function sumOf(volumes: readonly Volume[]): Sum {
  let readBps = 0
  let writeBps = 0
  let opsPerSec = 0
  let pendingBytes = 0
  let safe = true
  let live = false
  for (const { rates, pending, safeToShutDown } of volumes) {
    if (rates !== null) {
      live = true
      readBps += rates.readBps
      writeBps += rates.writeBps
      opsPerSec += rates.opsPerSec
    }
    pendingBytes += pending.bytes
    safe &&= safeToShutDown
  }
  const only = volumes.length === 1 ? volumes[0]!.rates : null
  const hitRate = only?.hitRate ?? null
  const metaMs = only?.metaMs ?? null
  return { readBps, writeBps, opsPerSec, hitRate, metaMs, pendingBytes, safe, live }
}
