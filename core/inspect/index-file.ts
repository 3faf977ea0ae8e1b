/**
 * The index on disk: a SQLite file of this computer with what the metadata say of chunks, nodes and names, turned around.
 * It holds nothing that cannot be read again: a file that is damaged, of another volume or of another layout is made anew.
 *
 *     chunk  (ino, idx) → its slice records, as stored        part  slice → (ino, idx) and what is seen of it there
 *     node   ino → what answers say of it                     edge  (parent, name) → ino, and ino → its names
 *
 * What a survey finds is kept beside it (survey-tables.ts).
 *
 * `gen` is the scan that saw a row last; rows that a finished scan did not see are gone.
 */
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { secureBytes } from '#core/base/random.ts'
import type { Span } from '#core/base/spans.ts'
import type { NodeRecord, SliceRecord } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { decodeShown, encodeShown, partsOf } from './chunk-parts.ts'

/** Raised with every change of the tables: older files are made anew. */
const LAYOUT = 1
const CACHE_KIB = 16 * 1024
const PAGE = 1024

const SCHEMA = `
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE chunk (ino INTEGER, idx INTEGER, records BLOB NOT NULL, gen INTEGER NOT NULL, corrupt INTEGER NOT NULL,
  PRIMARY KEY (ino, idx)) WITHOUT ROWID;
CREATE TABLE part (slice INTEGER, ino INTEGER, idx INTEGER, nth INTEGER, size INTEGER NOT NULL, off INTEGER NOT NULL,
  len INTEGER NOT NULL, pos INTEGER NOT NULL, shown BLOB, PRIMARY KEY (slice, ino, idx, nth)) WITHOUT ROWID;
CREATE TABLE node (ino INTEGER PRIMARY KEY, type INTEGER NOT NULL, length INTEGER NOT NULL, uid INTEGER NOT NULL,
  mtime INTEGER NOT NULL, nlink INTEGER NOT NULL, gen INTEGER NOT NULL);
CREATE TABLE edge (parent INTEGER, name TEXT, ino INTEGER NOT NULL, gen INTEGER NOT NULL, PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE INDEX edge_ino ON edge (ino);
`

export interface IndexedNode {
  readonly ino: Ino
  readonly type: number
  readonly length: number
  readonly uid: number
  /** Unix seconds. */
  readonly mtime: number
  readonly nlink: number
}

export interface IndexedName {
  readonly parent: Ino
  readonly name: Name
  readonly ino: Ino
}

/** How a chunk uses a slice. */
export interface IndexedPart {
  readonly slice: number
  readonly ino: Ino
  readonly idx: number
  readonly nth: number
  readonly size: number
  readonly off: number
  readonly len: number
  readonly pos: number
  readonly shown: readonly Span[]
}

type PartRow = Omit<IndexedPart, 'shown'> & { readonly shown: Uint8Array | null }

export class IndexFile {
  readonly path: string
  readonly db: Database.Database
  readonly #isOwn: boolean
  readonly #statements: ReturnType<typeof prepare>

  private constructor(path: string, db: Database.Database, isOwn: boolean) {
    this.path = path
    this.#isOwn = isOwn
    this.db = db
    this.#statements = prepare(db)
  }

  /**
   * `volume`: what it is of; a file of something else, or one that cannot be read, is made anew. One process has it at a
   * time: another one works in a file of its own, which goes with it.
   */
  static open(path: string, volume: string): IndexFile {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      return IndexFile.#openAlone(path, volume, false)
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
      return IndexFile.#openAlone(`${path}.${process.pid}.${secureBytes(4).toString('hex')}`, volume, true)
    }
  }

  static #openAlone(path: string, volume: string, isOwn: boolean): IndexFile {
    const wanted = `${LAYOUT} ${volume}`
    try {
      const db = connect(path)
      if (identityOf(db) === wanted) return new IndexFile(path, db, isOwn)
      db.close()
    } catch (error) {
      if ((error as { code?: string }).code === 'SQLITE_BUSY') throw error
    }
    if (path !== ':memory:') removeFile(path)
    const db = connect(path)
    db.transaction(() => {
      db.exec(SCHEMA)
      db.prepare('INSERT INTO state (name, value) VALUES (?, ?)').run('identity', wanted)
    })()
    if (path !== ':memory:') chmodSync(path, 0o600)
    return new IndexFile(path, db, isOwn)
  }

  close(): void {
    this.db.close()
    if (this.#isOwn) removeFile(this.path)
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.path === ':memory:'
      ? 0
      : ['', '-wal'].reduce(
          (sum, end) => sum + (statSync(this.path + end, { throwIfNoEntry: false })?.size ?? 0),
          0,
        )
  }

  /** All or nothing. */
  atomically<T>(work: () => T): T {
    return this.db.inTransaction ? work() : this.db.transaction(work)()
  }

  get(name: string): string | undefined {
    return this.#statements.getState.pluck().get(name) as string | undefined
  }

  set(name: string, value: string | undefined): void {
    if (value === undefined) this.#statements.delState.run(name)
    else this.#statements.putState.run(name, value)
  }

  /** Chunks whose records make no sense: what they use is not known. */
  corruptChunks(limit: number): readonly { readonly ino: Ino; readonly idx: number }[] {
    return this.#statements.corruptChunks.all(limit) as { ino: Ino; idx: number }[]
  }

  counts(): { readonly chunks: number; readonly slices: number; readonly inodes: number } {
    return this.#statements.counts.get() as ReturnType<IndexFile['counts']>
  }

  /** `records` as the engine stores them; null: there is no such chunk. Those that cannot be read are counted. */
  putChunk(ino: Ino, idx: number, records: Uint8Array | null, gen: number): void {
    const s = this.#statements
    const before = s.chunk.get(ino, idx) as { records: Buffer; gen: number } | undefined
    if (before !== undefined && records !== null && before.records.equals(records)) {
      if (before.gen !== gen) s.seeChunk.run(gen, ino, idx)
      return
    }
    if (before !== undefined)
      for (const id of new Set(decoded(before.records)?.map(({ id }) => id))) s.delParts.run(id, ino, idx)
    if (records === null) {
      s.delChunk.run(ino, idx)
      return
    }
    const slices = decoded(records)
    s.putChunk.run(ino, idx, records, gen, slices === undefined ? 1 : 0)
    for (const part of partsOf(slices ?? []))
      s.putPart.run(part.id, ino, idx, part.nth, part.size, part.off, part.len, part.pos, encodeShown(part))
  }

  putNode(ino: Ino, node: NodeRecord | null, gen: number): void {
    if (node === null) this.#statements.delNode.run(ino)
    else this.#statements.putNode.run(ino, node.type, node.length, node.uid, node.mtime, node.nlink, gen)
  }

  putEdge(parent: Ino, name: Name, ino: Ino | null, gen: number): void {
    if (ino === null) this.#statements.delEdge.run(parent, name)
    else this.#statements.putEdge.run(parent, name, ino, gen)
  }

  chunk(ino: Ino, idx: number): Uint8Array | undefined {
    return (this.#statements.chunk.get(ino, idx) as { records: Buffer } | undefined)?.records
  }

  chunksOf(ino: Ino): readonly number[] {
    return this.#statements.chunksOf.pluck().all(ino) as number[]
  }

  node(ino: Ino): IndexedNode | undefined {
    return this.#statements.node.get(ino) as IndexedNode | undefined
  }

  /** Names of an inode; at most `limit`. */
  namesOf(ino: Ino, limit: number): readonly IndexedName[] {
    return this.#statements.namesOf.all(ino, limit) as IndexedName[]
  }

  /** Entries of a directory after the name, in order of names; at most `limit`. */
  namesIn(parent: Ino, after: Name, limit: number): readonly IndexedName[] {
    return this.#statements.namesIn.all(parent, after, limit) as IndexedName[]
  }

  parts(slice: number): readonly IndexedPart[] {
    return (this.#statements.parts.all(slice) as PartRow[]).map(partFrom)
  }

  /** Every slice with its parts, in order of ids above `after`. Read in pages: other statements may run meanwhile. */
  *slices(after = 0): Generator<readonly IndexedPart[]> {
    let slice: IndexedPart[] = []
    let mark: readonly number[] = [after, Number.MAX_SAFE_INTEGER, 0, 0]
    for (;;) {
      const rows = this.#statements.partsAfter.all(...mark, PAGE) as PartRow[]
      for (const row of rows) {
        if (slice.length > 0 && slice[0]!.slice !== row.slice) {
          yield slice
          slice = []
        }
        slice.push(partFrom(row))
      }
      const last = rows.at(-1)
      if (last === undefined) break
      mark = [last.slice, last.ino, last.idx, last.nth]
    }
    if (slice.length > 0) yield slice
  }

  /** What a finished scan did not see. */
  dropUnseen(table: 'chunk' | 'node' | 'edge', gen: number): void {
    if (table !== 'chunk') {
      this.#statements[table === 'node' ? 'dropNodes' : 'dropEdges'].run(gen)
      return
    }
    for (const { ino, idx } of this.#statements.unseenChunks.all(gen) as { ino: Ino; idx: number }[])
      this.putChunk(ino, idx, null, gen)
  }
}

/** Undefined for a list that cannot be one. */
function decoded(records: Uint8Array): readonly SliceRecord[] | undefined {
  try {
    return decodeSlices(records)
  } catch {
    return undefined
  }
}

function removeFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

/** Errors: SQLITE_BUSY when another process has it. */
function connect(path: string): Database.Database {
  const db = new Database(path, { timeout: 0 })
  db.pragma('locking_mode = EXCLUSIVE')
  db.pragma('journal_mode = WAL')
  // Lost with the power, it is made anew: only its consistency counts.
  db.pragma('synchronous = OFF')
  db.pragma(`cache_size = -${CACHE_KIB}`)
  db.pragma('temp_store = FILE')
  // Takes the lock, which is kept until the file is closed.
  db.exec('BEGIN IMMEDIATE; COMMIT')
  return db
}

function identityOf(db: Database.Database): unknown {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'state'").get()
  return table && db.prepare("SELECT value FROM state WHERE name = 'identity'").pluck().get()
}

function partFrom(row: PartRow): IndexedPart {
  return { ...row, shown: decodeShown(row.off, row.len, row.shown) }
}

function prepare(db: Database.Database) {
  const PART = 'slice, ino, idx, nth, size, off, len, pos, shown'
  return {
    getState: db.prepare('SELECT value FROM state WHERE name = ?'),
    putState: db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)'),
    delState: db.prepare('DELETE FROM state WHERE name = ?'),
    counts: db.prepare(
      'SELECT (SELECT count(*) FROM chunk) AS chunks, (SELECT count(DISTINCT slice) FROM part) AS slices, (SELECT count(*) FROM node) AS inodes',
    ),
    chunk: db.prepare('SELECT records, gen FROM chunk WHERE ino = ? AND idx = ?'),
    corruptChunks: db.prepare('SELECT ino, idx FROM chunk WHERE corrupt = 1 LIMIT ?'),
    chunksOf: db.prepare('SELECT idx FROM chunk WHERE ino = ? ORDER BY idx'),
    putChunk: db.prepare(
      'INSERT OR REPLACE INTO chunk (ino, idx, records, gen, corrupt) VALUES (?, ?, ?, ?, ?)',
    ),
    seeChunk: db.prepare('UPDATE chunk SET gen = ? WHERE ino = ? AND idx = ?'),
    delChunk: db.prepare('DELETE FROM chunk WHERE ino = ? AND idx = ?'),
    unseenChunks: db.prepare('SELECT ino, idx FROM chunk WHERE gen < ?'),
    putPart: db.prepare(`INSERT OR REPLACE INTO part (${PART}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    delParts: db.prepare('DELETE FROM part WHERE slice = ? AND ino = ? AND idx = ?'),
    parts: db.prepare(`SELECT ${PART} FROM part WHERE slice = ? ORDER BY ino, idx, nth`),
    partsAfter: db.prepare(
      `SELECT ${PART} FROM part WHERE (slice, ino, idx, nth) > (?, ?, ?, ?) ORDER BY slice, ino, idx, nth LIMIT ?`,
    ),
    node: db.prepare('SELECT ino, type, length, uid, mtime, nlink FROM node WHERE ino = ?'),
    putNode: db.prepare(
      'INSERT OR REPLACE INTO node (ino, type, length, uid, mtime, nlink, gen) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    delNode: db.prepare('DELETE FROM node WHERE ino = ?'),
    dropNodes: db.prepare('DELETE FROM node WHERE gen < ?'),
    putEdge: db.prepare(
      'INSERT INTO edge (parent, name, ino, gen) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET ino = excluded.ino, gen = excluded.gen',
    ),
    delEdge: db.prepare('DELETE FROM edge WHERE parent = ? AND name = ?'),
    dropEdges: db.prepare('DELETE FROM edge WHERE gen < ?'),
    namesOf: db.prepare('SELECT parent, name, ino FROM edge WHERE ino = ? LIMIT ?'),
    namesIn: db.prepare(
      'SELECT parent, name, ino FROM edge WHERE parent = ? AND name > ? ORDER BY name LIMIT ?',
    ),
  }
}
