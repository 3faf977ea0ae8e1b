/** Making, listing and clearing away metadata backups in the volume's own bucket. Source: admin-tools.md §9.4. */
import { once } from 'node:events'
import { constants, createGzip } from 'node:zlib'
import type { Clock } from '#core/base/clock.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { dumpJson } from '../dump/dump-json.ts'
import { damaged } from '../dump/json-entry.ts'
import type { DumpJob } from '../dump/report.ts'
import type { Sink } from '../dump/sink.ts'
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
/**
 * A backup is uploaded in one piece, sealed where the volume is encrypted, and so held in memory, compressed: some 35
 * bytes a file. Larger ones are for `pomelo dump`.
 */
const MOST_BYTES = 512 * 2 ** 20

/** Dump the whole tree, without secrets, into a new object. Nothing is stored unless the dump is complete. */
export async function makeBackup(
  parts: BackupParts,
  { skipTrash = false, threads = THREADS }: BackupOptions,
  job: DumpJob = {},
): Promise<Backup> {
  const sec = parts.clock.nowSec()
  const name = backupName(sec)
  const packed = new PackedPieces()
  try {
    await dumpJson(parts.engine, { skipTrash, threads }, packed, job)
    const pieces = await packed.finish()
    await parts.store.put(BACKUP_PREFIX + name, pieces, { signal: job.signal })
    await parts.store.sync([BACKUP_PREFIX + name])
    return { name, sec, size: packed.size }
  } finally {
    packed.close()
  }
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

/** The bytes of the backup called `wanted`, or of the newest for `latest`. Throws Refusal when there is none. */
export async function readBackup(
  store: ObjectStore,
  wanted: string,
  signal?: AbortSignal,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const name = wanted === 'latest' ? (await listBackups(store, signal)).at(-1)?.name : wanted
  if (name === undefined)
    throw new Refusal(`${store.address} holds no metadata backup`, 'check the bucket and the volume’s name')
  const info = await store.head(BACKUP_PREFIX + name, { signal })
  if (info === undefined)
    throw new Refusal(`${store.address} holds no backup ${name}`, 'pomelo backup list shows what there is')
  if (info.size > MOST_BYTES)
    throw new Refusal(
      `backup ${name} has ${info.size} bytes, too many to take from the bucket at once`,
      'copy the object to a file and use pomelo load',
    )
  const bytes = await store.get(BACKUP_PREFIX + name, undefined, { signal })
  if (bytes.length === 0) throw damaged(`backup ${name} is empty`)
  return { name, bytes }
}

/** gzip of what is written, kept in pieces. */
class PackedPieces implements Sink {
  readonly #gzip = createGzip({ level: constants.Z_BEST_SPEED })
  readonly #ended: Promise<unknown>
  #pieces: Buffer[] = []
  #size = 0

  constructor() {
    this.#gzip.on('data', (piece: Buffer) => {
      this.#pieces.push(piece)
      this.#size += piece.length
    })
    this.#ended = once(this.#gzip, 'end')
    this.#ended.catch(() => {}) // finish tells
  }

  get size(): number {
    return this.#size
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#size > MOST_BYTES)
      throw new Refusal(
        'the metadata are too large for an automatic backup',
        'switch it off (--backup-meta 0) and keep dumps elsewhere: pomelo dump --binary',
      )
    if (!this.#gzip.write(bytes)) await Promise.race([once(this.#gzip, 'drain'), this.#ended])
  }

  async finish(): Promise<readonly Uint8Array[]> {
    this.#gzip.end()
    await this.#ended
    return this.#pieces
  }

  close(): void {
    this.#gzip.destroy()
    this.#pieces = []
  }
}
