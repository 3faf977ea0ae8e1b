/** The settings of this computer, as kept in the database. */
import { type AppSettings, appSettings, DEFAULT_SETTINGS, type SettingsChange } from '#core/api/settings.ts'
import type { Db } from './database.ts'

export class SettingsStore {
  readonly #db: Db
  #now: AppSettings

  constructor(db: Db) {
    this.#db = db
    const row = db.prepare("SELECT json FROM settings WHERE name = 'app'").get() as
      | { json: string }
      | undefined
    const kept = appSettings.safeParse({ ...DEFAULT_SETTINGS, ...JSON.parse(row?.json ?? '{}') })
    this.#now = kept.success ? kept.data : DEFAULT_SETTINGS
  }

  get now(): AppSettings {
    return this.#now
  }

  change(change: SettingsChange): AppSettings {
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    this.#now = appSettings.parse({
      ...this.#now,
      ...given,
      notifications: { ...this.#now.notifications, ...change.notifications },
    })
    this.#db
      .prepare(
        "INSERT INTO settings (name, json) VALUES ('app', ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
      )
      .run(JSON.stringify(this.#now))
    return this.#now
  }
}
