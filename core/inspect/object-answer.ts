/** What an object of the bucket is for: from a key back to the files. */
import { BACKUP_PREFIX, backupTime } from '#core/admin/backup/names.ts'
import { pages } from '#core/admin/pages.ts'
import type { Ino } from '#core/base/ino.ts'
import { clipSpans, joinSpans, type Span, sizeOfSpans } from '#core/base/spans.ts'
import type { BlockPlace } from '#core/chunk/api.ts'
import type { BlockName } from '#core/chunk/geometry.ts'
import { CHUNK_SIZE } from '#core/meta/records.ts'
import type { FileView, InodeState, ObjectAnswer, ObjectReason, ObjectUse } from './answers.ts'
import { FileViews, type Known } from './file-views.ts'
import type { IndexedPart } from './index-file.ts'
import type { IndexedVolume } from './parts.ts'
import { countsFirstUses, isAll, usesOf } from './references.ts'

/** Objects younger than this may be of a write under way. The same as in `gc`. */
export const GRACE_SEC = 3600
const DAY_MS = 86_400_000
const MOST_USES = 1000
/** Chunks checked in one round trip. */
const BATCH = 500
const BY_WEIGHT: readonly InodeState[] = ['live', 'trash', 'sustained', 'deleted', 'detached', 'unnamed']

/** Errors: BackendError of the engine or the store. */
export async function objectAnswer(
  parts: IndexedVolume,
  key: string,
  signal?: AbortSignal,
): Promise<ObjectAnswer> {
  const info = await parts.store.head(key, { signal })
  const stored = info === undefined ? null : { bytes: info.size, mtimeMs: info.mtimeMs }
  const name = parts.geometry.parse(key)
  if (name === undefined)
    return {
      key,
      stored,
      ratio: null,
      reason: nameless(key),
      place: stored === null ? 'missing' : 'store',
      uses: [],
      moreUses: 0,
      complete: true,
    }
  const knowledge = await sliceKnowledge(parts, name, stored, signal)
  const fitting = knowledge.parts.filter(({ size }) => parts.geometry.size(size, name.index) === name.size)
  const views = new FileViews(parts)
  const { uses, moreUses, users, complete } = await objectUses(parts, views, name, fitting)
  const place = await placeOf(parts, name, stored !== null)
  const { reason, untilMs } = await judge(parts, name, { knowledge, users, uses, stored, place })
  return {
    key,
    block: name,
    stored,
    ratio: stored === null ? null : stored.bytes / name.size,
    reason,
    ...(untilMs !== undefined && { untilMs }),
    place,
    uses,
    moreUses,
    complete: knowledge.complete && complete,
  }
}

function nameless(key: string): ObjectReason {
  if (key === 'juicefs_uuid') return 'marker'
  if (key.startsWith('testing/')) return 'probe'
  return key.startsWith(BACKUP_PREFIX) && backupTime(key.slice(BACKUP_PREFIX.length)) !== undefined
    ? 'backup'
    : 'foreign'
}

/** What metadata know of a slice. */
interface SliceKnowledge {
  readonly parts: readonly IndexedPart[]
  /** Times the slice stands in lists of what compactions replaced, with when the last one was made. */
  readonly delayed: { readonly count: number; readonly lastSec: number }
  /** The engine has a reference, and nobody is left in it. */
  readonly isUnused: boolean
  readonly complete: boolean
}

/** Checked against the chunks and the reference count as they are; what the index lacks is looked for. */
async function sliceKnowledge(
  parts: IndexedVolume,
  name: BlockName,
  stored: ObjectAnswer['stored'],
  signal: AbortSignal | undefined,
): Promise<SliceKnowledge> {
  const { index } = parts
  // The last scan would have met a name of an object that was old by then.
  const isWhole = () => index.isExact || (stored !== null && isOld(stored, index.builtMs))
  await index.refresh({ signal })
  const first = await look(parts, name, isWhole(), signal)
  if (first.complete) return first
  await index.catchUp({ signal })
  const second = await look(parts, name, isWhole(), signal)
  if (second.complete) return second
  const isScanned = await index.catchUpWholly({ signal })
  return look(parts, name, isScanned || isWhole(), signal)
}

/** `isWhole`: a name that the index does not know is not there. */
async function look(
  parts: IndexedVolume,
  { slice, index, size }: BlockName,
  isWhole: boolean,
  signal: AbortSignal | undefined,
): Promise<SliceKnowledge> {
  const { engine, geometry } = parts
  const found = await checkedParts(parts, slice)
  const refOf = async (size: number) =>
    (await engine.read([{ kind: 'sliceRef', id: slice, size }], 'fresh'))[0]
  // Some engines keep references by the size of the slice, which only the key of its last block tells.
  const least = index * geometry.blockSize + size
  const first = await refOf(found[0]?.size ?? least)
  if (isAll(engine, found.length, first))
    return {
      parts: found,
      delayed: { count: 0, lastSec: 0 },
      isUnused: usesOf(engine, first) === 0,
      complete: true,
    }
  const delayed = await delayedOf(parts, slice, signal)
  const total = found.length + delayed.count
  const full =
    found.length > 0 || usesOf(engine, first) !== undefined
      ? undefined
      : (delayed.size ?? (await unusedSizeOf(parts, slice, signal)))
  const ref = full === undefined ? first : await refOf(full)
  const uses = usesOf(engine, ref)
  // Where first uses are not counted, only the index knows that there was none.
  const isUnheardOf = total === 0 && uses === undefined && isWhole
  return { parts: found, delayed, isUnused: uses === 0, complete: isUnheardOf || isAll(engine, total, ref) }
}

/** How chunks use the slice: what the index says, with those chunks read anew. */
export async function checkedParts(
  { engine, index }: IndexedVolume,
  slice: number,
): Promise<readonly IndexedPart[]> {
  const chunks = new Map<string, { readonly ino: Ino; readonly index: number }>()
  for (const { ino, idx } of index.file.parts(slice)) chunks.set(`${ino} ${idx}`, { ino, index: idx })
  const all = [...chunks.values()]
  for (let from = 0; from < all.length; from += BATCH) {
    const some = all.slice(from, from + BATCH)
    const lists = await engine.read(
      some.map((chunk) => ({ kind: 'chunk', ...chunk }) as const),
      'fresh',
    )
    index.sawChunks(some.map((chunk, k) => ({ ...chunk, records: lists[k]! })))
  }
  return index.file.parts(slice)
}

async function delayedOf({ engine }: IndexedVolume, slice: number, signal: AbortSignal | undefined) {
  let count = 0
  let lastSec = 0
  let size: number | undefined
  for await (const { slices, deleted } of pages(engine, { kind: 'delayedSlices' }, signal)) {
    const same = slices.filter(({ id }) => id === slice)
    if (same.length === 0) continue
    count += same.length
    lastSec = Math.max(lastSec, deleted)
    size = same[0]!.size
  }
  return { count, lastSec, size }
}

/** Of a slice whose removal is due; undefined: it is not. */
async function unusedSizeOf(
  { engine }: IndexedVolume,
  slice: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  for await (const { id, size } of pages(engine, { kind: 'unusedSlices' }, signal))
    if (id === slice) return size
  return undefined
}

/** One use for each chunk, and who uses the slice, be it without this block. */
async function objectUses(
  parts: IndexedVolume,
  views: FileViews,
  name: BlockName,
  found: readonly IndexedPart[],
): Promise<{ uses: readonly ObjectUse[]; moreUses: number; users: readonly FileView[]; complete: boolean }> {
  const byChunk = new Map<string, IndexedPart[]>()
  for (const part of found) {
    const chunk = `${part.ino} ${part.idx}`
    const same = byChunk.get(chunk)
    if (same === undefined) byChunk.set(chunk, [part])
    else same.push(part)
  }
  const uses: ObjectUse[] = []
  const users: FileView[] = []
  let complete = true
  for (const chunk of [...byChunk.values()].slice(0, MOST_USES)) {
    const known = await views.of(chunk[0]!.ino)
    users.push(known.view)
    if (!known.complete) complete = false
    const use = useOf(parts.geometry.blockSize, name, chunk, known)
    if (use !== undefined) uses.push(use)
  }
  return { uses, users, complete, moreUses: Math.max(0, byChunk.size - MOST_USES) }
}

/** Undefined when the chunk's records leave this block of the slice out. */
function useOf(
  blockSize: number,
  { index, size }: BlockName,
  chunk: readonly IndexedPart[],
  { view }: Known,
): ObjectUse | undefined {
  const [from, to] = [index * blockSize, index * blockSize + size]
  const named = joinSpans(
    chunk.flatMap(({ off, len }) => clipSpans([{ start: off, end: off + len }], from, to)),
  )
  if (named.length === 0) return undefined
  const shown = chunk.map((part) => ({ base: baseOf(part), spans: shownIn(part, from, to, view.length) }))
  return {
    file: view,
    chunk: chunk[0]!.idx,
    ranges: joinSpans(shown.flatMap(({ base, spans }) => moved(spans, base))),
    shadowedBytes: sizeOfSpans(named) - sizeOfSpans(joinSpans(shown.flatMap(({ spans }) => spans))),
  }
}

/** What to add to an offset in the slice for one in the file. */
function baseOf({ idx, pos, off }: IndexedPart): number {
  return idx * CHUNK_SIZE + pos - off
}

/** What a file of `length` bytes shows of [from, to) of the slice through one record, in bytes of the slice. */
export function shownIn(part: IndexedPart, from: number, to: number, length: number | null): readonly Span[] {
  return clipSpans(part.shown, from, length === null ? to : Math.min(to, length - baseOf(part)))
}

function moved(spans: readonly Span[], by: number): readonly Span[] {
  return spans.map(({ start, end }) => ({ start: start + by, end: end + by }))
}

/** What each file shows of a block of the slice, in bytes of the file. */
export async function rangesIn(
  { geometry }: IndexedVolume,
  views: FileViews,
  parts: readonly IndexedPart[],
  block: number,
): Promise<ReadonlyMap<Ino, readonly Span[]>> {
  const ranges = new Map<Ino, readonly Span[]>()
  const from = block * geometry.blockSize
  for (const part of parts) {
    const { view } = await views.of(part.ino)
    const spans = shownIn(part, from, from + geometry.blockSize, view.length)
    ranges.set(part.ino, joinSpans([...(ranges.get(part.ino) ?? []), ...moved(spans, baseOf(part))]))
  }
  return ranges
}

async function placeOf(
  { blocks, geometry }: IndexedVolume,
  { slice, index, size }: BlockName,
  isStored: boolean,
): Promise<BlockPlace> {
  const places = await blocks.locate({ id: slice, size: index * geometry.blockSize + size }, false)
  const place = places[index]!
  return place === 'store' && !isStored ? 'missing' : place
}

interface Evidence {
  readonly knowledge: SliceKnowledge
  readonly users: readonly FileView[]
  readonly uses: readonly ObjectUse[]
  readonly stored: ObjectAnswer['stored']
  readonly place: BlockPlace
}

function isOld({ mtimeMs }: { readonly mtimeMs: number }, atMs: number): boolean {
  return mtimeMs <= atMs - GRACE_SEC * 1000
}

async function judge(
  parts: IndexedVolume,
  { slice }: BlockName,
  { knowledge, users, uses, stored, place }: Evidence,
): Promise<{ reason: ObjectReason; untilMs?: number | undefined }> {
  const { engine, clock, setting, index } = parts
  if (users.length > 0) {
    const shown = BY_WEIGHT.find((state) =>
      uses.some(({ file, ranges }) => file.state === state && ranges.length > 0),
    )
    // What nobody shows stays as long as anything names the slice: as in slice-shares.ts.
    const named = BY_WEIGHT.find((state) => users.some((file) => file.state === state))!
    const reason = shown ?? (named === 'live' ? 'shadowed' : named)
    const until = users.flatMap((file) => (file.state === reason ? (file.untilMs ?? []) : []))
    return { reason, untilMs: until.length > 0 ? Math.max(...until) : undefined }
  }
  const { delayed, isUnused } = knowledge
  if (knowledge.parts.length > 0) return { reason: 'wrongSize' }
  if (delayed.count > 0)
    return { reason: 'replaced', untilMs: delayed.lastSec * 1000 + setting.TrashDays * DAY_MS }
  if (isUnused) return { reason: 'pending' }
  if (place === 'memory' || place === 'staging') return { reason: 'writing' }
  if (stored === null) return { reason: 'gone' }
  const [next] = await engine.read([{ kind: 'counter', name: 'nextChunk' }], 'fresh')
  if (slice >= Number(next ?? 0)) return { reason: 'unallotted' }
  if (index.file.corruptChunks(1).length > 0) return { reason: 'unclear' }
  // The look that found nobody must be one at metadata of when the object was old already.
  const lookedMs = index.isExact || countsFirstUses(engine) ? clock.nowSec() * 1000 : index.builtMs
  if (!isOld(stored, lookedMs)) return { reason: 'young' }
  return { reason: knowledge.complete ? 'leaked' : 'unclear' }
}
