/** Making, listing and clearing away metadata backups in the volume's own bucket. Source: admin-tools.md §9.4. */
import { constants, createGzip } from 'node:zlib'
import type { Clock } from '#core/base/clock.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { tapped } from '#core/object/streams.ts'
import { dumpJson } from '../dump/dump-json.ts'
import type { DumpJob } from '../dump/report.ts'
import { StreamSink } from '../dump/stream-sink.ts'
import { BACKUP_PREFIX, backupName, backupTime } from './names.ts'
import { expiredBackups } from './retention.ts'

export interface BackupParts {
  readonly engine: MetaEngine
  readonly store: ObjectStore
  readonly clock: Clock
}

export interface Backup {
  /** `dump-….json.gz`. */
  readonly name: string
  /** Unix seconds, of the name. */
  readonly sec: number
  /** Bytes stored. */
  readonly size: number
}

export interface BackupOptions {
  readonly skipTrash?: boolean
  readonly threads?: number
}

const THREADS = 2
const CHUNK = 64 * 1024

/**
 * Dump the whole tree, without secrets, into a new object, sealed where the volume is encrypted. It goes up while it is
 * made, in constant memory; nothing is stored unless it is complete.
 */
export async function makeBackup(
  parts: BackupParts,
  { skipTrash = false, threads = THREADS }: BackupOptions,
  job: DumpJob = {},
): Promise<Backup> {
  const sec = parts.clock.nowSec()
  const name = backupName(sec)
  const key = BACKUP_PREFIX + name
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK })
  let size = 0
  const counted = tapped(gzip, (bytes) => {
    size += bytes
  })
  const sink = new StreamSink(gzip, parts.store.putStream(key, counted, { signal: job.signal }))
  try {
    await dumpJson(parts.engine, { skipTrash, threads }, sink, job)
    await sink.finish()
  } catch (error) {
    await sink.abandon()
    throw error
  }
  await parts.store.sync([key])
  return { name, sec, size }
}

/** Oldest first. */
export async function listBackups(store: ObjectStore, signal?: AbortSignal): Promise<readonly Backup[]> {
  const backups: Backup[] = []
  for await (const { key, size } of store.list(BACKUP_PREFIX, { signal })) {
    const name = key.slice(BACKUP_PREFIX.length)
    const sec = backupTime(name)
    if (sec !== undefined) backups.push({ name, sec, size })
  }
  return backups.sort((a, b) => a.sec - b.sec)
}

/** Remove the backups whose time is over; returns their names. */
export async function rotateBackups(
  { store, clock }: Pick<BackupParts, 'store' | 'clock'>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const names = (await listBackups(store, signal)).map(({ name }) => name)
  const expired = expiredBackups(names, clock.nowSec())
  for (const name of expired) await store.delete(BACKUP_PREFIX + name, { signal })
  return expired
}

/** The backup called `wanted`, or the newest for `latest`. Throws Refusal when there is none. */
export async function findBackup(store: ObjectStore, wanted: string, signal?: AbortSignal): Promise<Backup> {
  const backups = await listBackups(store, signal)
  const found = wanted === 'latest' ? backups.at(-1) : backups.find(({ name }) => name === wanted)
  if (found !== undefined) return found
  if (wanted === 'latest')
    throw new Refusal(`${store.address} holds no metadata backup`, 'check the bucket and the volume’s name')
  throw new Refusal(`${store.address} holds no backup ${wanted}`, 'pomelo backup list shows what there is')
}

/** Its bytes as they come, compressed. */
export function readBackup(
  store: ObjectStore,
  { name }: Backup,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  return store.getStream(BACKUP_PREFIX + name, { signal })
}
