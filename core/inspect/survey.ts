/**
 * Go over metadata and bucket once and put each stored byte into one class. Reads only. An object is called leaked only
 * when nothing knew its slice before the bucket was listed nor after, it is older than an hour, and every chunk record
 * could be read.
 */
import { forEachParallel, pages } from '#core/admin/pages.ts'
import type { Ino } from '#core/base/ino.ts'
import { KeyedQueue } from '#core/base/keyed-queue.ts'
import type { SpaceClass } from './answers.ts'
import { SPACE_CLASSES } from './answers.ts'
import { type ListedTime, listBucket } from './bucket-listing.ts'
import type { IndexedPart, IndexFile } from './index-file.ts'
import { type IndexedState, InodeStates } from './inode-states.ts'
import { checkedParts, GRACE_SEC } from './object-answer.ts'
import type { IndexedVolume } from './parts.ts'
import { usesOf } from './references.ts'
import type { ScanOptions } from './scan.ts'
import { layersOf, sharesOf } from './slice-shares.ts'
import { type ListedBlock, type Shares, SurveyTables } from './survey-tables.ts'
import type { VolumeIndex } from './volume-index.ts'

/** Slices of one transaction. */
const BATCH = 1000
/** References asked for in one round trip. */
const REFS_AT_A_TIME = 500
const HEADS_AT_A_TIME = 32
/** Of a bucket that is gone not every object is asked for. */
const MOST_HEADS = 100_000
/** Directories whose sums are held in memory. */
const MOST_FOLDERS = 20_000

export type ClassSums = Record<SpaceClass, number>

export interface Survey extends ListedTime {
  readonly objects: number
  readonly bytes: number
  readonly classes: Readonly<ClassSums>
  readonly missing: { readonly count: number; readonly bytes: number }
}

/** The last one of this index; undefined when there was none. */
export function lastSurvey(file: IndexFile): Survey | undefined {
  const stored = file.get('survey')
  return stored === undefined ? undefined : (JSON.parse(stored) as Survey)
}

/** The tables are not filled yet: a survey is under way, or did not come to its end. */
export function isSurveying(file: IndexFile): boolean {
  return file.get('surveying') !== undefined
}

/** One at a time has the tables of an index. */
const surveys = new KeyedQueue<VolumeIndex>()

/** Make a survey and, before another one clears its tables, what `work` makes of it. */
export function withSurvey<T>(
  parts: IndexedVolume,
  options: ScanOptions,
  work: (found: Survey) => T | Promise<T>,
): Promise<T> {
  return surveys.run(parts.index, async () => {
    options.signal?.throwIfAborted()
    return work(await make(parts, options))
  })
}

/**
 * What `work` makes of what the last survey left in the tables, once no other one clears them. Undefined when there was
 * none, or the last one did not come to its end: what is half judged would look whole.
 */
export function withLastSurvey<T>(
  parts: IndexedVolume,
  work: (found: Survey) => T | Promise<T>,
): Promise<T | undefined> {
  return surveys.run(parts.index, async () => {
    const { file } = parts.index
    const found = isSurveying(file) ? undefined : lastSurvey(file)
    return found === undefined ? undefined : work(found)
  })
}

export function survey(parts: IndexedVolume, options: ScanOptions): Promise<Survey> {
  return withSurvey(parts, options, (found) => found)
}

async function make(parts: IndexedVolume, options: ScanOptions): Promise<Survey> {
  const { index, engine } = parts
  const tables = new SurveyTables(index.file)
  await index.settle(options)
  index.file.set('surveying', 'yes')
  tables.begin()
  for await (const { id } of pages(engine, { kind: 'unusedSlices' }, options.signal)) tables.putIdle(id, 0)
  for await (const { slices, deleted } of pages(engine, { kind: 'delayedSlices' }, options.signal))
    for (const { id } of slices) tables.putIdle(id, deleted)
  const listed = await listBucket(index.file, tables, parts, options)
  const judge = new Judge(parts, tables)
  await judge.all(options)
  await secondLook(parts, tables, judge.sums, options)
  await confirmLosses(parts, tables, judge.missing, options)
  await sumFolders(index.file, tables, options)
  const { objects, strays, bytes, strayBytes } = tables.totals()
  judge.sums.other += strayBytes
  const result = {
    ...listed,
    objects: objects + strays,
    bytes: bytes + strayBytes,
    classes: judge.sums,
    missing: judge.missing,
  }
  index.file.atomically(() => {
    index.file.set('survey', JSON.stringify(result))
    index.file.set('surveying', undefined)
  })
  return result
}

class Judge {
  readonly sums = Object.fromEntries(SPACE_CLASSES.map((name) => [name, 0])) as ClassSums
  readonly missing = { count: 0, bytes: 0 }
  readonly #parts: IndexedVolume
  readonly #tables: SurveyTables
  readonly #states: InodeStates
  readonly #youngestMs: number
  /** Nothing may be called leaked: what damaged records use is not known. */
  readonly #isUnclear: boolean
  #nextSlice = 0

  constructor(parts: IndexedVolume, tables: SurveyTables) {
    this.#parts = parts
    this.#tables = tables
    this.#states = new InodeStates(parts.index.file)
    this.#youngestMs = (parts.clock.nowSec() - GRACE_SEC) * 1000
    this.#isUnclear = parts.index.file.corruptChunks(1).length > 0
  }

  /** Slices of metadata and bucket side by side, in order of their ids. */
  async all({ signal, onProgress, pace }: ScanOptions): Promise<void> {
    const [next] = await this.#parts.engine.read([{ kind: 'counter', name: 'nextChunk' }], 'fresh')
    this.#nextSlice = Number(next ?? 0)
    const known = this.#parts.index.file.slices()
    const listed = this.#tables.slices()
    let [use, objects] = [known.next(), listed.next()]
    for (let done = 0; use.done !== true || objects.done !== true; ) {
      signal?.throwIfAborted()
      this.#tables.atomically(() => {
        for (let k = 0; k < BATCH && (use.done !== true || objects.done !== true); k++, done++) {
          const usedId = use.done === true ? Number.POSITIVE_INFINITY : use.value[0]!.slice
          const listedId = objects.done === true ? Number.POSITIVE_INFINITY : objects.value[0]!.slice
          const id = Math.min(usedId, listedId)
          const isUsed = usedId === id
          const isListed = listedId === id
          this.#slice(id, isUsed ? use.value! : [], isListed ? objects.value! : [])
          if (isUsed) use = known.next()
          if (isListed) objects = listed.next()
        }
      })
      onProgress?.({ step: 'files', done })
      await pace?.()
    }
  }

  #slice(slice: number, parts: readonly IndexedPart[], objects: readonly ListedBlock[]): void {
    if (parts.length === 0) {
      for (const object of objects) this.#unused(object, this.#classOfUnused(slice, object))
      return
    }
    const { geometry, index } = this.#parts
    const size = parts[0]!.size
    const layers = layersOf(
      parts,
      (ino) => this.#states.of(ino),
      (ino) => index.file.node(ino)?.length ?? Number.POSITIVE_INFINITY,
    )
    const found = new Set<number>()
    for (const object of objects) {
      const { block, stored } = object
      if (block >= geometry.count(size) || geometry.size(size, block) !== object.size) {
        this.#unused(object, 'other')
        continue
      }
      found.add(block)
      const from = block * geometry.blockSize
      for (const { state, ino, bytes } of sharesOf(layers, from, from + object.size, stored))
        this.#count(state, ino, bytes)
    }
    if (found.size === geometry.count(size)) return
    for (let block = 0; block < geometry.count(size); block++) {
      if (found.has(block)) continue
      this.missing.count++
      this.missing.bytes += geometry.size(size, block)
      this.#tables.putLost(
        slice,
        block,
        objects.some((object) => object.block === block),
      )
    }
  }

  #classOfUnused(slice: number, { mtimeMs }: ListedBlock): SpaceClass {
    const replaced = this.#tables.idle(slice)
    if (replaced !== undefined) return replaced > 0 ? 'replaced' : 'pending'
    if (this.#isUnclear || slice >= this.#nextSlice) return 'other'
    return mtimeMs > this.#youngestMs ? 'young' : 'leaked'
  }

  #unused(object: ListedBlock, kind: SpaceClass): void {
    this.sums[kind] += object.stored
    this.#tables.putUnused(kind, object)
  }

  #count(state: IndexedState | 'shadowed', ino: Ino, bytes: number): void {
    if (state === 'gone') this.sums.pending += bytes
    else if (state === 'loose') this.sums.other += bytes
    else {
      this.sums[state] += bytes
      const shares: Shares = { live: 0, trash: 0, shadowed: 0 }
      shares[state] = bytes
      this.#tables.addUsage(ino, shares)
    }
  }
}

/** What seems leaked is looked for in the metadata as they are after the listing. */
async function secondLook(
  { index, engine, geometry }: IndexedVolume,
  tables: SurveyTables,
  sums: ClassSums,
  options: ScanOptions,
): Promise<void> {
  const suspects = tables.unused('leaked', Number.MAX_SAFE_INTEGER)
  if (suspects.length === 0) return
  options.onProgress?.({ step: 'second look', done: 0 })
  await index.settle(options)
  const sizes = new Map<number, number>()
  const stored = new Map<number, number>()
  for (const { slice, block, size, stored: bytes } of suspects) {
    sizes.set(slice, Math.max(sizes.get(slice) ?? 0, block * geometry.blockSize + size))
    stored.set(slice, (stored.get(slice) ?? 0) + bytes)
  }
  const all = [...sizes]
  for (let from = 0; from < all.length; from += REFS_AT_A_TIME) {
    options.signal?.throwIfAborted()
    const some = all.slice(from, from + REFS_AT_A_TIME)
    const refs = await engine.read(
      some.map(([id, size]) => ({ kind: 'sliceRef', id, size }) as const),
      'fresh',
    )
    tables.atomically(() => {
      for (const [k, [slice]] of some.entries()) {
        const to = verdict(index.file.parts(slice).length, usesOf(engine, refs[k]!))
        if (to === 'leaked') continue
        tables.reclassUnused('leaked', to, slice)
        sums.leaked -= stored.get(slice)!
        sums[to] += stored.get(slice)!
      }
    })
    options.onProgress?.({ step: 'second look', done: from + some.length })
  }
}

/** What the listing lacks is asked for, and whether a chunk still names it: others remove and compact meanwhile. */
async function confirmLosses(
  parts: IndexedVolume,
  tables: SurveyTables,
  missing: { count: number; bytes: number },
  { signal, onProgress }: ScanOptions,
): Promise<void> {
  if (missing.count > MOST_HEADS) return
  let done = 0
  await forEachParallel(tables.lost(), HEADS_AT_A_TIME, async ({ slice, block }) => {
    signal?.throwIfAborted()
    const size = parts.index.file.parts(slice)[0]!.size
    const [user] = await checkedParts(parts, slice)
    if (user === undefined || !(await isLost(parts, slice, size, block))) {
      tables.dropLost(slice, block)
      missing.count--
      missing.bytes -= parts.geometry.size(size, block)
    }
    onProgress?.({ step: 'second look', done: ++done })
  })
}

async function isLost(
  { blocks, geometry, store }: IndexedVolume,
  slice: number,
  size: number,
  block: number,
): Promise<boolean> {
  const places = await blocks.locate({ id: slice, size }, false)
  if (places[block] === 'staging') return false
  return (await store.head(geometry.key(slice, block, geometry.size(size, block)))) === undefined
}

/** Of a slice that nothing knew before the listing. `uses`: undefined when the engine keeps no count of it. */
function verdict(parts: number, uses: number | undefined): SpaceClass {
  if (parts > 0) return 'young'
  if (uses === undefined) return 'leaked'
  // Counted, and nobody is found: not understood.
  return uses > 0 ? 'other' : 'pending'
}

/** What each directory comes to, with everything below it. */
async function sumFolders(
  file: IndexFile,
  tables: SurveyTables,
  { signal, pace }: ScanOptions,
): Promise<void> {
  const states = new InodeStates(file)
  let sums = new Map<Ino, { files: number } & Shares>()
  const flush = () => {
    tables.atomically(() => {
      for (const [ino, sum] of sums) tables.addTree(ino, sum.files, sum)
    })
    sums = new Map()
  }
  let done = 0
  for (const { ino, live, trash, shadowed } of tables.usages()) {
    for (const dir of states.above(ino)) {
      const sum = sums.get(dir) ?? { files: 0, live: 0, trash: 0, shadowed: 0 }
      sum.files++
      sum.live += live
      sum.trash += trash
      sum.shadowed += shadowed
      sums.set(dir, sum)
    }
    if (++done % BATCH !== 0) continue
    if (sums.size > MOST_FOLDERS) flush()
    signal?.throwIfAborted()
    await pace?.()
  }
  flush()
}
