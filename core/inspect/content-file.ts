/**
 * What slices contain: a SQLite file of this computer with the SHA-256 of every block that was read so far. Slices are
 * never changed once written and ids never given out twice, so a row stays true until its slice is gone; a file of
 * another volume, or one that is damaged, is made anew.
 *
 *     block (slice, idx) → size, digest        slice id → size, digest of the digests: only when all blocks are known
 */
import { hash } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { BlockName } from '#core/chunk/geometry.ts'

/** Raised with every change of the tables. */
const LAYOUT = 1
const PAGE = 4096

const SCHEMA = `
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE block (slice INTEGER, idx INTEGER, size INTEGER NOT NULL, digest BLOB NOT NULL,
  PRIMARY KEY (slice, idx)) WITHOUT ROWID;
CREATE INDEX block_digest ON block (digest);
CREATE TABLE slice (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE INDEX slice_digest ON slice (digest);
`

export interface EqualSlices {
  /** Bytes of each. */
  readonly size: number
  /** Ascending; two or more. */
  readonly ids: readonly number[]
}

export class ContentFile {
  readonly #db: Database.Database
  readonly #statements: ReturnType<typeof prepare>

  private constructor(db: Database.Database) {
    this.#db = db
    this.#statements = prepare(db)
  }

  /** `volume`: what it is of. */
  static open(path: string, volume: string): ContentFile {
    const wanted = `${LAYOUT} ${volume}`
    const stored = path !== ':memory:'
    if (stored) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      const db = connect(path)
      if (identityOf(db) === wanted) return new ContentFile(db)
      db.close()
    } catch (error) {
      if ((error as { code?: string }).code === 'SQLITE_BUSY') throw error
    }
    if (stored) for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    const db = connect(path)
    db.transaction(() => {
      db.exec(SCHEMA)
      db.prepare('INSERT INTO state (name, value) VALUES (?, ?)').run('identity', wanted)
    })()
    if (stored) chmodSync(path, 0o600)
    return new ContentFile(db)
  }

  close(): void {
    this.#db.close()
  }

  /** All blocks of the slice are known. */
  has(slice: number): boolean {
    return this.#statements.slice.get(slice) !== undefined
  }

  hasBlock(slice: number, index: number): boolean {
    return this.#statements.block.get(slice, index) !== undefined
  }

  /** The SHA-256 of a block of `size` bytes. `count`: blocks of its slice, `sliceSize` its bytes. */
  put(block: BlockName, digest: Uint8Array, count: number, sliceSize: number): void {
    const { slice, index, size } = block
    const s = this.#statements
    this.#db.transaction(() => {
      s.putBlock.run(slice, index, size, digest)
      const digests = s.digests.pluck().all(slice) as Buffer[]
      if (digests.length === count)
        s.putSlice.run(slice, sliceSize, hash('sha256', Buffer.concat(digests), 'buffer'))
    })()
  }

  /** Forget slices that `isUsed` knows nothing of. */
  prune(isUsed: (slice: number) => boolean): void {
    const s = this.#statements
    for (let after = 0, page: number[]; (page = s.known.pluck().all(after, PAGE) as number[]).length > 0; ) {
      this.#db.transaction(() => {
        for (const id of page) {
          if (isUsed(id)) continue
          s.delBlocks.run(id)
          s.delSlice.run(id)
        }
      })()
      after = page.at(-1)!
    }
  }

  counts(): { readonly slices: number; readonly bytes: number } {
    return this.#statements.counts.get() as { slices: number; bytes: number }
  }

  /** Bytes of blocks beyond the first of each content. */
  repeatedBlockBytes(): number {
    return (this.#statements.repeated.pluck().get() as number | null) ?? 0
  }

  /** Slices with the same bytes, most to gain first; in pages: other statements may run meanwhile. */
  *equalSlices(): Generator<EqualSlices> {
    const s = this.#statements
    for (let offset = 0; ; offset += PAGE) {
      const page = s.equal.all(PAGE, offset) as { size: number; digest: Buffer }[]
      for (const { size, digest } of page) {
        const ids = s.idsOf.pluck().all(digest, size) as number[]
        if (ids.length > 1) yield { size, ids }
      }
      if (page.length < PAGE) return
    }
  }
}

function connect(path: string): Database.Database {
  const db = new Database(path, { timeout: 5000 })
  db.pragma('journal_mode = WAL')
  // Lost with the power, it is read again: only its consistency counts.
  db.pragma('synchronous = OFF')
  return db
}

function identityOf(db: Database.Database): unknown {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'state'").get()
  return table && db.prepare("SELECT value FROM state WHERE name = 'identity'").pluck().get()
}

function prepare(db: Database.Database) {
  return {
    slice: db.prepare('SELECT 1 FROM slice WHERE id = ?'),
    block: db.prepare('SELECT 1 FROM block WHERE slice = ? AND idx = ?'),
    putBlock: db.prepare('INSERT OR REPLACE INTO block (slice, idx, size, digest) VALUES (?, ?, ?, ?)'),
    putSlice: db.prepare('INSERT OR REPLACE INTO slice (id, size, digest) VALUES (?, ?, ?)'),
    digests: db.prepare('SELECT digest FROM block WHERE slice = ? ORDER BY idx'),
    known: db.prepare('SELECT DISTINCT slice FROM block WHERE slice > ? ORDER BY slice LIMIT ?'),
    delBlocks: db.prepare('DELETE FROM block WHERE slice = ?'),
    delSlice: db.prepare('DELETE FROM slice WHERE id = ?'),
    counts: db.prepare('SELECT count(*) AS slices, coalesce(sum(size), 0) AS bytes FROM slice'),
    repeated: db.prepare(
      'SELECT sum(extra) FROM (SELECT (count(*) - 1) * size AS extra FROM block GROUP BY digest HAVING count(*) > 1)',
    ),
    equal: db.prepare(
      'SELECT size, digest FROM slice GROUP BY digest, size HAVING count(*) > 1 ORDER BY (count(*) - 1) * size DESC, digest LIMIT ? OFFSET ?',
    ),
    idsOf: db.prepare('SELECT id FROM slice WHERE digest = ? AND size = ? ORDER BY id'),
  }
}
