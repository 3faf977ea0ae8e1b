/** The two questions a writer has for the metadata engine, asked again while that is away. */
import type { Clock, Time } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Meta } from '#core/meta/api.ts'
import type { NodeRecord, SliceRecord } from '#core/meta/records.ts'

const RETRY_FOR_MS = 60_000
const RETRY_EVERY_MS = 100

interface Parts {
  readonly meta: Meta
  readonly clock: Clock
}

export interface Stored {
  readonly node: NodeRecord
  readonly records: number
  readonly before?: NodeRecord
}

export async function newSliceId({ meta, clock }: Parts): Promise<number> {
  const until = clock.monotonicMs() + RETRY_FOR_MS
  for (;;) {
    try {
      return await meta.newSlice()
    } catch (error) {
      if (!isAway(error) || clock.monotonicMs() >= until) throw error
      await clock.sleep(RETRY_EVERY_MS)
    }
  }
}

/**
 * Append the records of a slice, each time if it `mayStart`. Asking again is safe: metadata does not add the same slice
 * twice.
 */
export async function appendRecords(
  { meta, clock }: Parts,
  ino: Ino,
  index: number,
  records: readonly SliceRecord[],
  times: () => { readonly mtime: Time; readonly ctime: Time },
  mayStart: () => Promise<void> | undefined,
): Promise<Stored> {
  const until = clock.monotonicMs() + RETRY_FOR_MS
  for (;;) {
    try {
      await mayStart()
      const { mtime, ctime } = times()
      return await meta.writeSlice(ino, index, records, mtime, ctime)
    } catch (error) {
      if (!isAway(error) || clock.monotonicMs() >= until) throw error
      await clock.sleep(RETRY_EVERY_MS)
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof BackendError && error.kind === 'unavailable'
}
