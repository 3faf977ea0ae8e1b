/** Small things known of a volume, with the time they were found out: sizes counted, backups made, growth seen. */
import type { Db } from './database.ts'

export class Notes {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  get<T>(volumeId: string, name: string): T | undefined {
    const row = this.#db
      .prepare('SELECT json FROM notes WHERE volume_id = ? AND name = ?')
      .get(volumeId, name)
    return row === undefined ? undefined : (JSON.parse((row as { json: string }).json) as T)
  }

  set(volumeId: string, name: string, value: unknown): void {
    this.#db
      .prepare(
        'INSERT INTO notes (volume_id, name, json) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET json = excluded.json',
      )
      .run(volumeId, name, JSON.stringify(value))
  }
}
