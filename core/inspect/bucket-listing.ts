/** The volume's part of the bucket, listed into the index. It can be stopped, and goes on after the last key. */

import type { Clock } from '#core/base/clock.ts'
import type { Geometry } from '#core/chunk/geometry.ts'
import type { ObjectInfo, ObjectStore } from '#core/object/store.ts'
import type { IndexFile } from './index-file.ts'
import type { ScanOptions } from './scan.ts'
import type { SurveyTables } from './survey-tables.ts'

const BATCH = 1024
/** A listing that was stopped longer ago begins anew. */
const STALE_MS = 3_600_000

export interface ListingSource {
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly clock: Clock
}

interface Position {
  readonly gen: number
  readonly fromMs: number
  readonly after?: string
  readonly done: number
}

/** When the listing that the tables hold began and ended, Unix milliseconds. */
export interface ListedTime {
  readonly fromMs: number
  readonly toMs: number
}

export async function listBucket(
  file: IndexFile,
  tables: SurveyTables,
  { store, geometry, clock }: ListingSource,
  { signal, onProgress, pace }: ScanOptions,
): Promise<ListedTime> {
  let at = resume(file, clock.nowSec() * 1000)
  let batch: ObjectInfo[] = []
  const keep = () => {
    file.atomically(() => {
      for (const { key, size, mtimeMs } of batch) {
        const name = geometry.parse(key)
        const mtime = Math.floor(mtimeMs)
        if (name === undefined) tables.putStray(key, size, mtime, at.gen)
        else
          tables.putObject(
            { slice: name.slice, block: name.index, size: name.size, stored: size, mtimeMs: mtime },
            at.gen,
          )
      }
      at = { ...at, after: batch.at(-1)?.key ?? at.after, done: at.done + batch.length }
      file.set('listing', JSON.stringify(at))
    })
    batch = []
    onProgress?.({ step: 'objects', done: at.done })
  }
  for await (const object of store.list('', { signal, after: at.after })) {
    batch.push(object)
    if (batch.length < BATCH) continue
    keep()
    await pace?.()
    signal?.throwIfAborted()
  }
  keep()
  const listed = { fromMs: at.fromMs, toMs: clock.nowSec() * 1000 }
  file.atomically(() => {
    tables.endListing(at.gen)
    file.set('listing', undefined)
    file.set('listing-gen', String(at.gen))
    file.set('listed', JSON.stringify(listed))
  })
  return listed
}

function resume(file: IndexFile, nowMs: number): Position {
  const stored = file.get('listing')
  const at = stored === undefined ? undefined : (JSON.parse(stored) as Position)
  if (at !== undefined && nowMs - at.fromMs < STALE_MS) return at
  return { gen: Math.max(Number(file.get('listing-gen') ?? 0), at?.gen ?? 0) + 1, fromMs: nowMs, done: 0 }
}
