/**
 * The bucket as the last survey listed it, by position. Objects stand in the order of slices and blocks; every
 * thousandth is remembered, so that a list of millions can be looked into anywhere.
 */
import { inoText } from '#core/base/ino.ts'
import type { BucketFolder, BucketObject, BucketPage } from './answers.ts'
import { indexedPath } from './file-views.ts'
import type { IndexedVolume } from './parts.ts'
import { lastSurvey } from './survey.ts'
import { SurveyTables } from './survey-tables.ts'

const STEP = 1000
/** Rows read between two turns of the event loop. */
const TURN = 5 * STEP

/** Only slices of [firstSlice, endSlice). */
export interface SliceRange {
  readonly firstSlice: number
  readonly endSlice: number
}

interface Row {
  readonly slice: number
  readonly block: number
  readonly size: number
  readonly stored: number
  readonly mtimeMs: number
}

/** The objects at 0, STEP, 2 STEP, … of one listing. */
interface Marks {
  readonly listedMs: number
  readonly rows: readonly Row[]
  readonly total: number
}

export class ObjectList {
  readonly #volume: IndexedVolume
  readonly #s: ReturnType<typeof prepare>
  #marks: Promise<Marks> | undefined
  #listedMs: number | undefined

  constructor(volume: IndexedVolume) {
    this.#volume = volume
    // The tables are made with the first survey, or here.
    new SurveyTables(volume.index.file)
    this.#s = prepare(volume.index.file.db)
  }

  /** `from`: position in the range. */
  async page(range: SliceRange, from: number, limit: number): Promise<BucketPage> {
    const marks = await this.#current()
    if (marks === undefined) return { objects: [], from, total: 0, listedMs: null }
    const first = this.#rank(marks, range.firstSlice)
    const end = this.#rank(marks, range.endSlice)
    const rows = this.#rows(marks, first + from, Math.max(0, Math.min(limit, end - first - from)))
    return {
      objects: rows.map((row) => this.#object(row)),
      ...{ from, total: end - first, listedMs: marks.listedMs },
    }
  }

  /** Of `width` slices each; empty ones are left out. */
  folders({ firstSlice, endSlice }: SliceRange, width: number): readonly BucketFolder[] {
    const rows = this.#s.folders.all({ firstSlice, endSlice, width })
    return (rows as { at: number; objects: number; bytes: number }[]).map(({ at, objects, bytes }) => ({
      firstSlice: at * width,
      endSlice: (at + 1) * width,
      objects,
      bytes,
    }))
  }

  /** Undefined when nothing was listed yet. */
  #current(): Promise<Marks> | undefined {
    const listedMs = lastSurvey(this.#volume.index.file)?.toMs
    if (listedMs === undefined) return undefined
    if (listedMs !== this.#listedMs) {
      this.#listedMs = listedMs
      this.#marks = this.#mark(listedMs)
    }
    return this.#marks
  }

  async #mark(listedMs: number): Promise<Marks> {
    const rows: Row[] = []
    let total = 0
    for (let at: readonly number[] = [0, 0, 0]; ; ) {
      const page = this.#s.after.all(...at, TURN) as Row[]
      for (let k = 0; k < page.length; k += STEP) rows.push(page[k]!)
      total += page.length
      const last = page.at(-1)
      if (last === undefined || page.length < TURN) return { listedMs, rows, total }
      at = [last.slice, last.block, last.size]
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** How many objects lie before `slice`. */
  #rank({ rows, total }: Marks, slice: number): number {
    let [low, high] = [0, rows.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (rows[middle]!.slice < slice) low = middle + 1
      else high = middle
    }
    if (low === 0) return 0
    const before = (low - 1) * STEP
    if (low === rows.length && slice === Number.MAX_SAFE_INTEGER) return total
    const mark = rows[low - 1]!
    return before + (this.#s.between.pluck().get(mark.slice, mark.block, mark.size, slice) as number)
  }

  #rows({ rows }: Marks, position: number, count: number): readonly Row[] {
    const mark = rows[Math.floor(position / STEP)]
    if (mark === undefined || count === 0) return []
    return this.#s.from.all(mark.slice, mark.block, mark.size, count, position % STEP) as Row[]
  }

  #object({ slice, block, size, stored, mtimeMs }: Row): BucketObject {
    const { geometry, index } = this.#volume
    const [first, ...more] = new Set(index.file.parts(slice).map(({ ino }) => ino))
    return {
      key: geometry.key(slice, block, size),
      ...{ slice, index: block, size, stored, mtimeMs },
      path: first === undefined ? null : (indexedPath(index.file, first) ?? `inode ${inoText(first)}`),
      moreFiles: more.length,
    }
  }
}

function prepare(db: IndexedVolume['index']['file']['db']) {
  const ROW = 'slice, block, size, stored, mtime AS mtimeMs'
  const ORDER = 'ORDER BY slice, block, size'
  return {
    after: db.prepare(`SELECT ${ROW} FROM object WHERE (slice, block, size) > (?, ?, ?) ${ORDER} LIMIT ?`),
    from: db.prepare(
      `SELECT ${ROW} FROM object WHERE (slice, block, size) >= (?, ?, ?) ${ORDER} LIMIT ? OFFSET ?`,
    ),
    between: db.prepare('SELECT count(*) FROM object WHERE (slice, block, size) >= (?, ?, ?) AND slice < ?'),
    folders: db.prepare(
      'SELECT slice / CAST($width AS INTEGER) AS at, count(*) AS objects, sum(stored) AS bytes FROM object WHERE slice >= $firstSlice AND slice < $endSlice GROUP BY at ORDER BY at',
    ),
  }
}
