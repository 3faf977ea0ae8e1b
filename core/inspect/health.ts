/** What a survey found amiss, as files with ranges; and objects no file uses, by how sure that is. */
import { forEachParallel, pages } from '#core/admin/pages.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { joinSpans, type Span, sizeOfSpans } from '#core/base/spans.ts'
import type { BrokenFile, HealthReport, SpaceClass, UnusedKeys, UnusedObjects } from './answers.ts'
import { FileViews } from './file-views.ts'
import { rangesIn } from './object-answer.ts'
import type { IndexedVolume } from './parts.ts'
import type { ScanOptions } from './scan.ts'
import type { Survey } from './survey.ts'
import { SurveyTables } from './survey-tables.ts'

const FILES_AT_A_TIME = 32
/** Losses that are told; of a bucket that is gone the rest is no news. */
const MOST_LOSSES = 100_000
const MOST_RANGES = 1000
const MOST_FILES = 10_000
const MOST_KEYS = 1000
/** A file written in so many seconds may be staged by the client that wrote it. */
const STAGED_SEC = 86_400

interface Damage {
  readonly ranges: Span[]
  missing: number
  wrongSize: number
}

export async function healthReport(
  parts: IndexedVolume,
  found: Survey,
  { signal, onProgress }: ScanOptions,
): Promise<HealthReport> {
  const tables = new SurveyTables(parts.index.file)
  const views = new FileViews(parts)
  const damages = new Map<Ino, Damage>()
  let hiddenLosses = 0
  let maybeStaged = 0
  const hasOthers = await others(parts)
  let done = 0
  await forEachParallel(
    firstOf(tables.lost(), MOST_LOSSES),
    FILES_AT_A_TIME,
    async ({ slice, block, wrong }) => {
      signal?.throwIfAborted()
      const used = parts.index.file.parts(slice)
      let isShown = false
      let isNew = false
      for (const [ino, ranges] of await rangesIn(parts, views, used, block)) {
        if (ranges.length === 0) continue
        isShown = true
        const { node } = await views.of(ino)
        isNew ||= node !== null && node.ctime > parts.clock.nowSec() - STAGED_SEC
        const damage = damages.get(ino) ?? { ranges: [], missing: 0, wrongSize: 0 }
        damages.set(ino, damage)
        damage.ranges.push(...ranges)
        if (wrong) damage.wrongSize++
        else damage.missing++
      }
      if (!isShown) hiddenLosses++
      else if (hasOthers && isNew) maybeStaged++
      onProgress?.({ step: 'files', done: ++done })
    },
  )
  const broken: BrokenFile[] = []
  for (const [ino, { ranges, missing, wrongSize }] of [...damages].slice(0, MOST_FILES)) {
    const joined = joinSpans(ranges)
    broken.push({
      file: (await views.of(ino)).view,
      ranges: joined.slice(0, MOST_RANGES),
      lostBytes: sizeOfSpans(joined),
      missing,
      wrongSize,
    })
  }
  const unused = (kind: SpaceClass): UnusedObjects => ({
    ...tables.unusedSum(kind),
    keys: tables
      .unused(kind, MOST_KEYS)
      .map(({ slice, block, size }) => parts.geometry.key(slice, block, size)),
  })
  const pending = unused('pending')
  const replaced = unused('replaced')
  return {
    listedFromMs: found.fromMs,
    listedToMs: found.toMs,
    blocks: tables.totals().objects,
    broken: broken.sort((a, b) => b.lostBytes - a.lostBytes),
    hiddenLosses,
    maybeStaged,
    leaked: unused('leaked'),
    pending: {
      count: pending.count + replaced.count,
      bytes: pending.bytes + replaced.bytes,
      keys: [...pending.keys, ...replaced.keys].slice(0, MOST_KEYS),
    },
    young: unused('young'),
    other: unused('other'),
  }
}

/** `limit` keys of a class; `after`: those after this one. Errors: EINVAL, `after` is no key. */
export function unusedKeys(
  { index, geometry }: IndexedVolume,
  found: Survey,
  kind: SpaceClass,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): UnusedKeys {
  const last = after === undefined ? undefined : geometry.parse(after)
  if (after !== undefined && last === undefined)
    throw fail(EINVAL, 'inspect', `${after} names no block of this volume`)
  const from = last && { slice: last.slice, block: last.index, size: last.size }
  const rows = new SurveyTables(index.file).unused(kind, limit + 1, from)
  return {
    keys: rows.slice(0, limit).map(({ slice, block, size }) => geometry.key(slice, block, size)),
    more: rows.length > limit,
    listedToMs: found.toMs,
  }
}

/** Somebody else has the volume mounted. */
async function others({ engine, meta }: IndexedVolume): Promise<boolean> {
  for await (const { sid } of pages(engine, { kind: 'sessions' })) if (sid !== meta.sid) return true
  return false
}

function* firstOf<T>(items: Iterable<T>, limit: number): Generator<T> {
  let count = 0
  for (const item of items) {
    if (count++ === limit) return
    yield item
  }
}
