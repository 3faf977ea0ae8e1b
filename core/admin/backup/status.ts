/** What is known of a volume's metadata backups, for people and scripts. */
import type { MetaEngine } from '#core/meta/engine.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { listBackups } from './backup.ts'
import { lastBackup } from './job.ts'

export interface BackupStatus {
  /** When the last was begun, by any client. */
  readonly Last?: string
  /** The newest object, with its size in bytes. */
  readonly Newest?: string
  readonly Size?: number
  readonly Count?: number
  /** Why the bucket did not say. */
  readonly Error?: string
}

export async function backupStatus(
  { engine, store }: { readonly engine: MetaEngine; readonly store: ObjectStore },
  signal?: AbortSignal,
): Promise<BackupStatus> {
  const last = await lastBackup(engine)
  const begun = last === undefined ? {} : { Last: new Date(last * 1000).toISOString() }
  try {
    const backups = await listBackups(store, signal)
    const newest = backups.at(-1)
    return {
      ...begun,
      ...(newest !== undefined && { Newest: newest.name, Size: newest.size }),
      Count: backups.length,
    }
  } catch (error) {
    signal?.throwIfAborted()
    return { ...begun, Error: error instanceof Error ? error.message : String(error) }
  }
}
