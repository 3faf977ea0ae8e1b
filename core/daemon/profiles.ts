/** The volumes this user keeps: what was asked for, what is wanted, and what was seen of them. No secrets. */
import { randomUUID } from 'node:crypto'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { MountSettings, VolumeUsage } from '#core/api/volumes.ts'
import type { Db } from './database.ts'

export interface StoredProfile {
  readonly id: string
  readonly name: string
  /** Without its password. */
  readonly metaUrl: string
  readonly mountPoint: string
  readonly mountAtLogin: boolean
  readonly settings: MountSettings
  readonly bucket: string | null
  readonly createdMs: number
  readonly desired: 'mounted' | 'unmounted'
  /** The boot in which `desired` was said: after another, only `mountAtLogin` counts. */
  readonly desiredBoot: string
  /** Known since the volume was last seen. */
  readonly seen: {
    readonly volumeName: string
    readonly uuid: string
    readonly store: { readonly kind: string; readonly address: string }
    readonly usage: VolumeUsage | null
  } | null
}

export type NewProfile = Pick<
  StoredProfile,
  'name' | 'metaUrl' | 'mountPoint' | 'mountAtLogin' | 'settings' | 'bucket'
>

export class Profiles {
  readonly #db: Db
  readonly #all = new Map<string, StoredProfile>()

  constructor(db: Db) {
    this.#db = db
    for (const row of db.prepare('SELECT json FROM profiles ORDER BY position').all() as { json: string }[]) {
      const profile = JSON.parse(row.json) as StoredProfile
      this.#all.set(profile.id, profile)
    }
  }

  list(): readonly StoredProfile[] {
    return [...this.#all.values()]
  }

  find(id: string): StoredProfile | undefined {
    return this.#all.get(id)
  }

  get(id: string): StoredProfile {
    const found = this.#all.get(id)
    if (found === undefined) {
      throw new ApiRefusal('not-found', `there is no volume ${id} here`, 'look at the list of volumes again')
    }
    return found
  }

  add(profile: NewProfile): StoredProfile {
    const stored: StoredProfile = {
      ...profile,
      id: randomUUID(),
      createdMs: Date.now(),
      desired: 'unmounted',
      desiredBoot: '',
      seen: null,
    }
    this.#db
      .prepare(
        'INSERT INTO profiles (id, position, json) SELECT ?, coalesce(max(position), 0) + 1, ? FROM profiles',
      )
      .run(stored.id, JSON.stringify(stored))
    this.#all.set(stored.id, stored)
    return stored
  }

  change(id: string, change: Partial<Omit<StoredProfile, 'id' | 'createdMs'>>): StoredProfile {
    const next = { ...this.get(id), ...change }
    this.#db.prepare('UPDATE profiles SET json = ? WHERE id = ?').run(JSON.stringify(next), id)
    this.#all.set(id, next)
    return next
  }

  remove(id: string): void {
    this.get(id)
    this.#db.transaction(() => {
      for (const table of ['profiles WHERE id', 'samples WHERE volume_id', 'notes WHERE volume_id'])
        this.#db.prepare(`DELETE FROM ${table} = ?`).run(id)
    })()
    this.#all.delete(id)
  }
}
