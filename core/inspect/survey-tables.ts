/**
 * What a survey of a volume brings together, in the index's file: the bucket as listed, slices that lists of the metadata
 * keep though no file uses them, and the sums by file and directory that come of both.
 */
import type { Database } from 'better-sqlite3'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { IndexFile } from './index-file.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS object (slice INTEGER, block INTEGER, size INTEGER, stored INTEGER NOT NULL, mtime INTEGER NOT NULL,
  gen INTEGER NOT NULL, PRIMARY KEY (slice, block, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stray (key TEXT PRIMARY KEY, stored INTEGER NOT NULL, mtime INTEGER NOT NULL, gen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idle (slice INTEGER PRIMARY KEY, replaced INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS usage (ino INTEGER PRIMARY KEY, live INTEGER NOT NULL, trash INTEGER NOT NULL, shadowed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tree (ino INTEGER PRIMARY KEY, files INTEGER NOT NULL, live INTEGER NOT NULL, trash INTEGER NOT NULL,
  shadowed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS unused (class TEXT, slice INTEGER, block INTEGER, size INTEGER, stored INTEGER NOT NULL,
  PRIMARY KEY (class, slice, block, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost (slice INTEGER, block INTEGER, wrong INTEGER NOT NULL, PRIMARY KEY (slice, block)) WITHOUT ROWID;
`

/** A block as listed. */
export interface ListedBlock {
  readonly slice: number
  readonly block: number
  readonly size: number
  readonly stored: number
  readonly mtimeMs: number
}

/** Stored bytes by what they are. */
export interface Shares {
  live: number
  trash: number
  shadowed: number
}

export interface TreeRow extends Readonly<Shares> {
  readonly name: Name
  readonly ino: Ino
  readonly type: number | null
  readonly files: number
}

const PAGE = 1024
/** Before the first. */
const NONE = { slice: 0, block: 0, size: 0 }

export class SurveyTables {
  readonly #db: Database
  readonly #file: IndexFile
  readonly #s: ReturnType<typeof prepare>

  constructor(file: IndexFile) {
    this.#file = file
    this.#db = file.db
    this.#db.exec(SCHEMA)
    this.#s = prepare(this.#db)
  }

  putObject({ slice, block, size, stored, mtimeMs }: ListedBlock, gen: number): void {
    this.#s.putObject.run(slice, block, size, stored, mtimeMs, gen)
  }

  putStray(key: string, stored: number, mtimeMs: number, gen: number): void {
    this.#s.putStray.run(key, stored, mtimeMs, gen)
  }

  /** What the listing `gen` did not bring is gone. */
  endListing(gen: number): void {
    this.#s.dropObjects.run(gen)
    this.#s.dropStrays.run(gen)
  }

  totals(): {
    readonly objects: number
    readonly bytes: number
    readonly strayBytes: number
    readonly strays: number
  } {
    return this.#s.totals.get() as ReturnType<SurveyTables['totals']>
  }

  strays(limit: number): readonly { readonly key: string; readonly stored: number }[] {
    return this.#s.strays.all(limit) as { key: string; stored: number }[]
  }

  /** The objects of each slice, by slice. Read in pages: other statements may run meanwhile. */
  *slices(): Generator<readonly ListedBlock[]> {
    let slice: ListedBlock[] = []
    let mark = [0, 0, 0]
    for (;;) {
      const rows = this.#s.objectsAfter.all(...mark, PAGE) as ListedBlock[]
      for (const row of rows) {
        if (slice.length > 0 && slice[0]!.slice !== row.slice) {
          yield slice
          slice = []
        }
        slice.push(row)
      }
      const last = rows.at(-1)
      if (last === undefined) break
      mark = [last.slice, last.block, last.size]
    }
    if (slice.length > 0) yield slice
  }

  /** Forget what an earlier survey concluded. */
  begin(): void {
    this.#db.exec(
      'DELETE FROM idle; DELETE FROM usage; DELETE FROM tree; DELETE FROM unused; DELETE FROM lost',
    )
  }

  /** `replaced`: unix seconds at which a compaction put another in its place; 0: its removal is due. */
  putIdle(slice: number, replaced: number): void {
    this.#s.putIdle.run(slice, replaced)
  }

  idle(slice: number): number | undefined {
    return this.#s.idle.pluck().get(slice) as number | undefined
  }

  addUsage(ino: Ino, { live, trash, shadowed }: Readonly<Shares>): void {
    this.#s.addUsage.run(ino, live, trash, shadowed)
  }

  *usages(): Generator<{ readonly ino: Ino } & Readonly<Shares>> {
    for (let after: number = -1; ; ) {
      const rows = this.#s.usagesAfter.all(after, PAGE) as ({ ino: Ino } & Shares)[]
      yield* rows
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.ino
    }
  }

  addTree(ino: Ino, files: number, { live, trash, shadowed }: Readonly<Shares>): void {
    this.#s.addTree.run(ino, files, live, trash, shadowed)
  }

  tree(ino: Ino): ({ readonly files: number } & Readonly<Shares>) | undefined {
    return this.#s.tree.get(ino) as ReturnType<SurveyTables['tree']>
  }

  usage(ino: Ino): Readonly<Shares> | undefined {
    return this.#s.usage.get(ino) as Shares | undefined
  }

  /** Entries of a directory, most bytes first. */
  treeEntries(parent: Ino, limit: number, from: number): readonly TreeRow[] {
    return this.#s.treeEntries.all(parent, limit, from) as TreeRow[]
  }

  countEntries(parent: Ino): number {
    return this.#s.countEntries.pluck().get(parent) as number
  }

  owners(limit: number): readonly { readonly uid: number; readonly files: number; readonly bytes: number }[] {
    return this.#s.owners.all(limit) as { uid: number; files: number; bytes: number }[]
  }

  /** Files modified in [fromSec, toSec). */
  modified(fromSec: number, toSec: number): { readonly files: number; readonly bytes: number } {
    return this.#s.modified.get(fromSec, toSec) as { files: number; bytes: number }
  }

  putUnused(kind: string, { slice, block, size, stored }: ListedBlock): void {
    this.#s.putUnused.run(kind, slice, block, size, stored)
  }

  /** Objects of a class in the order of their slices, those after one. */
  unused(kind: string, limit: number, after = NONE): readonly Omit<ListedBlock, 'mtimeMs'>[] {
    const { slice, block, size } = after
    return this.#s.unused.all(kind, slice, block, size, limit) as ListedBlock[]
  }

  unusedSum(kind: string): { readonly count: number; readonly bytes: number } {
    return this.#s.unusedSum.get(kind) as { count: number; bytes: number }
  }

  reclassUnused(from: string, to: string, slice: number): void {
    this.#s.reclass.run(to, from, slice)
  }

  /** Slices of the objects of a class, each once. */
  unusedSlices(kind: string): readonly number[] {
    return this.#s.unusedSlices.pluck().all(kind) as number[]
  }

  putLost(slice: number, block: number, wrong: boolean): void {
    this.#s.putLost.run(slice, block, wrong ? 1 : 0)
  }

  dropLost(slice: number, block: number): void {
    this.#s.dropLost.run(slice, block)
  }

  *lost(): Generator<{ readonly slice: number; readonly block: number; readonly wrong: number }> {
    for (let mark = [0, 0]; ; ) {
      const rows = this.#s.lostAfter.all(...mark, PAGE) as { slice: number; block: number; wrong: number }[]
      yield* rows
      const last = rows.at(-1)
      if (last === undefined) return
      mark = [last.slice, last.block]
    }
  }

  atomically<T>(work: () => T): T {
    return this.#file.atomically(work)
  }
}

function prepare(db: Database) {
  const SUMS = 'u.live + u.trash + u.shadowed'
  return {
    putObject: db.prepare(
      'INSERT OR REPLACE INTO object (slice, block, size, stored, mtime, gen) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    putStray: db.prepare('INSERT OR REPLACE INTO stray (key, stored, mtime, gen) VALUES (?, ?, ?, ?)'),
    dropObjects: db.prepare('DELETE FROM object WHERE gen < ?'),
    dropStrays: db.prepare('DELETE FROM stray WHERE gen < ?'),
    totals: db.prepare(
      'SELECT (SELECT count(*) FROM object) AS objects, (SELECT coalesce(sum(stored), 0) FROM object) AS bytes, (SELECT count(*) FROM stray) AS strays, (SELECT coalesce(sum(stored), 0) FROM stray) AS strayBytes',
    ),
    strays: db.prepare('SELECT key, stored FROM stray ORDER BY key LIMIT ?'),
    objectsAfter: db.prepare(
      'SELECT slice, block, size, stored, mtime AS mtimeMs FROM object WHERE (slice, block, size) > (?, ?, ?) ORDER BY slice, block, size LIMIT ?',
    ),
    putIdle: db.prepare(
      'INSERT INTO idle (slice, replaced) VALUES (?, ?) ON CONFLICT DO UPDATE SET replaced = max(replaced, excluded.replaced)',
    ),
    idle: db.prepare('SELECT replaced FROM idle WHERE slice = ?'),
    addUsage: db.prepare(
      'INSERT INTO usage AS u (ino, live, trash, shadowed) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET live = u.live + excluded.live, trash = u.trash + excluded.trash, shadowed = u.shadowed + excluded.shadowed',
    ),
    usage: db.prepare('SELECT live, trash, shadowed FROM usage WHERE ino = ?'),
    usagesAfter: db.prepare(
      'SELECT ino, live, trash, shadowed FROM usage WHERE ino > ? ORDER BY ino LIMIT ?',
    ),
    addTree: db.prepare(
      'INSERT INTO tree AS t (ino, files, live, trash, shadowed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET files = t.files + excluded.files, live = t.live + excluded.live, trash = t.trash + excluded.trash, shadowed = t.shadowed + excluded.shadowed',
    ),
    tree: db.prepare('SELECT files, live, trash, shadowed FROM tree WHERE ino = ?'),
    treeEntries: db.prepare(
      `SELECT e.name, e.ino, n.type, coalesce(t.files, n.type <> 2, 0) AS files, coalesce(t.live, u.live, 0) AS live,
        coalesce(t.trash, u.trash, 0) AS trash, coalesce(t.shadowed, u.shadowed, 0) AS shadowed
       FROM edge AS e LEFT JOIN node AS n ON n.ino = e.ino LEFT JOIN tree AS t ON t.ino = e.ino
        LEFT JOIN usage AS u ON u.ino = e.ino
       WHERE e.parent = ?
       ORDER BY coalesce(t.live + t.trash + t.shadowed, ${SUMS}, 0) DESC, e.name LIMIT ? OFFSET ?`,
    ),
    countEntries: db.prepare('SELECT count(*) FROM edge WHERE parent = ?'),
    owners: db.prepare(
      `SELECT n.uid, count(*) AS files, sum(${SUMS}) AS bytes FROM usage AS u JOIN node AS n ON n.ino = u.ino GROUP BY n.uid ORDER BY bytes DESC LIMIT ?`,
    ),
    modified: db.prepare(
      `SELECT count(*) AS files, coalesce(sum(${SUMS}), 0) AS bytes FROM usage AS u JOIN node AS n ON n.ino = u.ino WHERE n.mtime >= ? AND n.mtime < ?`,
    ),
    putUnused: db.prepare(
      'INSERT OR REPLACE INTO unused (class, slice, block, size, stored) VALUES (?, ?, ?, ?, ?)',
    ),
    unused: db.prepare(
      'SELECT slice, block, size, stored FROM unused WHERE class = ? AND (slice, block, size) > (?, ?, ?) ORDER BY slice, block, size LIMIT ?',
    ),
    unusedSum: db.prepare(
      'SELECT count(*) AS count, coalesce(sum(stored), 0) AS bytes FROM unused WHERE class = ?',
    ),
    unusedSlices: db.prepare('SELECT DISTINCT slice FROM unused WHERE class = ? ORDER BY slice'),
    reclass: db.prepare('UPDATE OR REPLACE unused SET class = ? WHERE class = ? AND slice = ?'),
    putLost: db.prepare('INSERT OR REPLACE INTO lost (slice, block, wrong) VALUES (?, ?, ?)'),
    dropLost: db.prepare('DELETE FROM lost WHERE slice = ? AND block = ?'),
    lostAfter: db.prepare(
      'SELECT slice, block, wrong FROM lost WHERE (slice, block) > (?, ?) ORDER BY slice, block LIMIT ?',
    ),
  }
}
