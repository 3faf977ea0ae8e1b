/** Timestamps of PD: milliseconds of its wall clock, shifted by 18 bits, and a count within them. */
export type Timestamp = bigint

/** Reads at it see the newest that is committed. */
export const MAX_TIMESTAMP: Timestamp = 2n ** 64n - 1n
const LOGICAL_BITS = 18n

export function composeTimestamp(physicalMs: number, logical: number): Timestamp {
  return (BigInt(physicalMs) << LOGICAL_BITS) + BigInt(logical)
}

/** Unix milliseconds. */
export function extractPhysical(timestamp: Timestamp): number {
  return Number(timestamp >> LOGICAL_BITS)
}
