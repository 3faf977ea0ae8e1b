/**
 * The daemon's one SQLite file. Opening it exclusively is also what keeps a second daemon out: the lock goes with the
 * process, however it ends.
 */
import { chmodSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Refusal } from '#core/base/refusal.ts'

export type Db = Database.Database

/** Each brings the file one version further. Never change one that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE profiles (id TEXT PRIMARY KEY, position INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
   CREATE TABLE settings (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
   CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL,
     volume_id TEXT, volume_name TEXT, sentence TEXT NOT NULL, detail TEXT, next TEXT) STRICT;
   CREATE INDEX events_by_volume ON events (volume_id, id);
   CREATE TABLE samples (
     volume_id TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, vals BLOB NOT NULL,
     PRIMARY KEY (volume_id, step, at)) STRICT, WITHOUT ROWID;
   CREATE TABLE tasks (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
   CREATE TABLE notes (volume_id TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
     PRIMARY KEY (volume_id, name)) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE sessions (
     id TEXT PRIMARY KEY, hash BLOB NOT NULL, since_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
     label TEXT NOT NULL) STRICT;`,
]

/** Errors: Refusal when another daemon has it, or a newer version wrote it. */
export function openDatabase(path: string): Db {
  const db = new Database(path, { timeout: 0 })
  try {
    chmodSync(path, 0o600)
    db.pragma('locking_mode = EXCLUSIVE')
    db.pragma('journal_mode = WAL')
    // A power cut may cost the last seconds of history, never the file.
    db.pragma('synchronous = NORMAL')
    db.pragma('cache_size = -4096')
    db.exec('BEGIN EXCLUSIVE; COMMIT')
    migrate(db)
    return db
  } catch (error) {
    db.close()
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) {
      throw new Refusal('the daemon is running already', 'pomelo daemon status', { cause: error })
    }
    throw error
  }
}

function migrate(db: Db): void {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > MIGRATIONS.length) {
    throw new Refusal(
      'a newer version of Pomelo has written the state of this daemon',
      'start that version, or move daemon.db away to begin anew',
    )
  }
  for (let at = version; at < MIGRATIONS.length; at++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[at]!)
      db.pragma(`user_version = ${at + 1}`)
    })()
  }
}
