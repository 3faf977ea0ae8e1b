/**
 * A volume opened by this process: the library's entry. Everything below is joined here and nowhere else:
 * engine, store, blocks, metadata, file system, session, jobs.
 */

import { BackupJob, type BackupOutcome } from '#core/admin/backup/job.ts'
import type { AdminParts } from '#core/admin/parts.ts'
import { systemClock } from '#core/base/clock.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { systemRandom } from '#core/base/random.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { Trace } from '#core/base/trace.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import { openBlockStore } from '#core/chunk/open-block-store.ts'
import { CachedEngine } from '#core/meta/cached-engine.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { Jobs } from '#core/meta/jobs.ts'
import { createMetaState, type OpenMetaState } from '#core/meta/open-meta.ts'
import { Session, sessionInfo } from '#core/meta/sessions.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { publicSetting, unwrapSecrets } from '#core/meta/setting-secrets.ts'
import { SoleSession } from '#core/meta/sole-session.ts'
import { VolumeMeta } from '#core/meta/volume-meta.ts'
import { probeStore } from '#core/object/open-store.ts'
import { Vfs } from '#core/vfs/vfs.ts'
import { enterSubdir } from './enter-subdir.ts'
import { Inspector } from './inspector.ts'
import { mountCommands } from './mount-commands.ts'
import { openStored, openStoreOf, type Stored } from './open-stored.ts'
import { Pins } from './pins.ts'
import { ReloadableStore } from './reloadable-store.ts'
import { shownConfig } from './shown-config.ts'
import type { VolumeOptions } from './volume-options.ts'

export interface FlushOptions {
  /** Also wait until blocks staged on the local disk are uploaded. */
  readonly staged?: boolean
  readonly signal?: AbortSignal
}

export interface Volume extends AdminParts {
  readonly meta: VolumeMeta
  readonly state: OpenMetaState
  readonly vfs: Vfs
  readonly metrics: Metrics
  readonly log: Log
  /** Tells whoever watches of the operations of a mount, and of requests for blocks. */
  readonly trace: Trace
  readonly inspector: Inspector
  /** What came of this client's last metadata backup; undefined when it has not tried. */
  readonly backup: BackupOutcome | undefined
  /** What is kept in this computer's cache. */
  readonly pins: Pins
  /** Bytes accepted and not stored yet. */
  pendingBytes(): number
  /** Everything written so far is stored and committed when this resolves; it throws when some could not be. */
  flush(options?: FlushOptions): Promise<void>
  /** What `.config` shows; no secrets. */
  shownConfig(): unknown
  /** Mbit/s from now on; 0 is the setting's own limit. */
  setLimits(uploadLimit: number, downloadLimit: number): Promise<void>
  /** Flush, end the session, release everything. Throws what could not be stored, after releasing the rest. */
  close(): Promise<void>
}

export interface VolumeAround {
  readonly log?: Log
  readonly metrics?: Metrics
  /** The volume has vanished or been replaced under us: stop serving it. */
  readonly onLost?: (reason: string) => void
}

const HEARTBEAT_SEC = 12
const MAX_DELETES = 10
const META_CACHE_RECORDS = 100_000

/** Open the volume whose metadata are at `metaUrl`. Throws Refusal or BackendError, with nothing left open. */
export async function openVolume(
  metaUrl: string,
  options: VolumeOptions = {},
  around: VolumeAround = {},
): Promise<Volume> {
  const { log = silentLog, metrics = new Metrics() } = around
  const stored = await openStored(metaUrl, options, { log, metrics, clock: systemClock })
  const opened = new OpenVolume(metaUrl, stored, options, log, metrics)
  try {
    await opened.open(around.onLost)
  } catch (error) {
    await opened.close().catch(() => {})
    throw error
  }
  return opened
}

class OpenVolume implements Volume {
  readonly engine: MetaEngine
  readonly geometry: Stored['geometry']
  readonly store: ReloadableStore
  readonly clock = systemClock
  readonly log: Log
  readonly metrics: Metrics
  readonly trace = new Trace(systemClock)
  readonly state: OpenMetaState
  readonly meta: VolumeMeta
  readonly inspector: Inspector
  readonly pins: Pins
  #options: VolumeOptions
  readonly #tasks: TaskSet
  #setting: VolumeSetting
  #blocks: BlockStore | undefined
  #vfs: Vfs | undefined
  #session: Session | undefined
  #jobs: Jobs | undefined
  #backups: BackupJob | undefined
  #alone: SoleSession | undefined
  #closing: Promise<void> | undefined

  constructor(metaUrl: string, stored: Stored, options: VolumeOptions, log: Log, metrics: Metrics) {
    this.#options = options
    this.#setting = stored.setting
    this.log = log
    this.metrics = metrics
    this.engine = this.#withCache(stored.engine)
    this.geometry = stored.geometry
    this.store = new ReloadableStore(stored.store)
    this.#tasks = new TaskSet(log)
    this.state = createMetaState({
      engine: this.engine,
      setting: stored.setting,
      options: {
        readOnly: options.readOnly ?? false,
        atimeMode: options.atimeMode ?? 'noatime',
        skipDirMtimeMs: options.skipDirMtimeMs ?? 0,
        heartbeatSec: options.unrecorded ? 0 : (options.heartbeatSec ?? HEARTBEAT_SEC),
        noBackgroundJobs: options.noBackgroundJobs ?? false,
        maxDeletes: options.maxDeletes ?? MAX_DELETES,
      },
      removeSlice: (id, size) => this.blocks.remove({ id, size }),
      clock: systemClock,
      log,
      metrics,
      tasks: this.#tasks,
    })
    this.meta = new VolumeMeta(this.state)
    this.pins = new Pins(this, options.cacheDirs ?? [], systemClock, log)
    this.inspector = new Inspector(this, options, options.mountPoint === undefined ? undefined : metaUrl)
  }

  get setting(): VolumeSetting {
    return this.#setting
  }

  get blocks(): BlockStore {
    return this.#blocks!
  }

  get vfs(): Vfs {
    return this.#vfs!
  }

  async open(onLost: VolumeAround['onLost']): Promise<void> {
    const options = this.#options
    if (options.checkStorage) await probeStore(this.store)
    if (options.subdir !== undefined) await enterSubdir(this.state, this.meta, options.subdir)
    this.#blocks = await this.#openBlocks()
    await this.pins.load()
    this.#vfs = new Vfs({
      meta: this.meta,
      blocks: this.blocks,
      clock: systemClock,
      log: this.log,
      metrics: this.metrics,
      tasks: this.#tasks,
      commands: mountCommands({ volume: this, tasks: this.#tasks, cacheDirs: options.cacheDirs ?? [] }),
      options: {
        xattr: options.enableXattr === true || this.setting.EnableACL,
        capabilities: options.enableCap === true,
        selinux: options.enableSelinux === true,
        ioctl: options.enableIoctl === true,
        listVirtual: options.listInternal === true,
        compaction: options.compaction ?? 'auto',
        prefixInternal: options.prefixInternal === true,
        writebackCache: options.writebackCache === true,
        ...(options.maxReadahead === undefined ? {} : { maxReadahead: options.maxReadahead }),
        config: () => this.shownConfig(),
      },
    })
    this.#session = new Session(this.state, sessionInfo(options.mountPoint ?? 'pomelo'), {
      onSetting: (setting) => this.#adopt(setting),
      onLost: (reason) => onLost?.(reason),
    })
    await this.#session.open({ unrecorded: options.unrecorded })
    await this.#hearChanges(this.#vfs)
    this.#jobs = new Jobs(this.state, this.state.deletions)
    this.#jobs.start()
    this.#startBackups()
    // Tools that open the volume for a moment keep what is pinned, and fetch nothing.
    if (options.mountPoint !== undefined && !options.unrecorded) this.pins.watch()
  }

  /** SQLite is in this process: asking it costs less than remembering with care. */
  #withCache(engine: MetaEngine): MetaEngine {
    const records = this.#options.metaCacheRecords ?? META_CACHE_RECORDS
    if (engine.scheme === 'sqlite3' || records === 0) return engine
    return new CachedEngine(engine, { records, clock: systemClock, log: this.log, metrics: this.metrics })
  }

  async #hearChanges(vfs: Vfs): Promise<void> {
    const { engine } = this
    if (!(engine instanceof CachedEngine)) return
    await engine.subscribe({
      changed: (scopes) => vfs.changedElsewhere(scopes),
      listening: () => {},
      deaf: () => {},
    })
    this.#alone = new SoleSession(engine, systemClock, this.log)
    await this.#alone.start(this.state.sid)
  }

  #startBackups(): void {
    const { readOnly, noBackgroundJobs, backupMetaSec = 0, backupSkipTrash } = this.#options
    if (readOnly || noBackgroundJobs || backupMetaSec === 0) return
    const { engine, store, clock, log } = this
    this.#backups = new BackupJob(
      { engine, store, clock, log, random: systemRandom },
      { intervalSec: backupMetaSec, skipTrash: backupSkipTrash },
    )
    this.#backups.start()
  }

  #openBlocks(): Promise<BlockStore> {
    const options = this.#options
    return openBlockStore({
      store: this.store,
      blockSize: this.geometry.blockSize,
      compression: (this.setting.Compression ?? '').toLowerCase() as 'none' | 'lz4' | 'zstd' | '',
      hashPrefix: this.geometry.hashPrefix,
      uuid: this.setting.UUID,
      bufferSize: options.bufferSize,
      cacheDirs: options.cacheDirs ?? [],
      cacheSize: options.cacheSize,
      cacheItems: options.cacheItems,
      cacheMode: options.cacheMode,
      freeSpaceRatio: options.freeSpaceRatio,
      cacheEviction: options.cacheEviction,
      verifyChecksum: options.verifyCacheChecksum,
      cachePartialOnly: options.cachePartialOnly,
      cacheLargeWrite: options.cacheLargeWrite,
      cacheScanIntervalMs:
        options.cacheScanIntervalSec === undefined ? undefined : options.cacheScanIntervalSec * 1000,
      maxUploads: options.maxUploads,
      maxDownloads: options.maxDownloads,
      maxDeletes: options.maxDeletes,
      prefetch: options.prefetch,
      writeback: options.writeback,
      writebackThreshold: options.writebackThreshold,
      maxStageWrites: options.maxStageWrites,
      uploadWindow: { delayMs: (options.uploadDelaySec ?? 0) * 1000, hours: options.uploadHours },
      cacheExpireMs: (options.cacheExpireSec ?? 0) * 1000,
      log: this.log,
      metrics: this.metrics,
      clock: systemClock,
      trace: this.trace,
      onPressure: () => this.#vfs?.relieve(),
    })
  }

  /** Another client changed the setting. Source: volume-and-objects.md §1.5. */
  #adopt(stored: VolumeSetting): void {
    this.#tasks.start('reload of the setting', async () => {
      const setting = unwrapSecrets(stored)
      const before = this.#setting
      this.#setting = setting
      const same = (
        [
          'Storage',
          'Bucket',
          'AccessKey',
          'SecretKey',
          'SessionToken',
          'UploadLimit',
          'DownloadLimit',
        ] as const
      ).every((name) => setting[name] === before[name])
      if (same && JSON.stringify(setting.Tiers) === JSON.stringify(before.Tiers)) return
      this.store.replace(
        await openStoreOf(setting, this.#options, {
          log: this.log,
          metrics: this.metrics,
          clock: systemClock,
        }),
      )
      this.log.info('the object store was opened again with the changed setting', {
        store: this.store.address,
      })
    })
  }

  get backup(): BackupOutcome | undefined {
    return this.#backups?.outcome
  }

  pendingBytes(): number {
    return pendingBytes(this.metrics)
  }

  async flush({ staged = false, signal }: FlushOptions = {}): Promise<void> {
    if (this.meta.readOnly) return
    await this.vfs.drain()
    await this.blocks.drain({ staged, signal })
    await this.meta.sync()
  }

  async setLimits(uploadLimit: number, downloadLimit: number): Promise<void> {
    this.#options = {
      ...this.#options,
      uploadLimit: uploadLimit || undefined,
      downloadLimit: downloadLimit || undefined,
    }
    const around = { log: this.log, metrics: this.metrics, clock: systemClock }
    this.store.replace(await openStoreOf(this.#setting, this.#options, around))
  }

  shownConfig(): unknown {
    return shownConfig(publicSetting(this.setting), this.#options, this.meta.sid)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** In the order of dependence; each step runs whatever happened to those before it. */
  async #close(): Promise<void> {
    const failures: unknown[] = []
    const step = async (work: () => Promise<void> | void | undefined) => {
      try {
        await work()
      } catch (error) {
        failures.push(error)
      }
    }
    this.state.accounts.stop()
    await step(() => this.inspector.close())
    await step(() => this.pins.stop())
    await step(() => this.#vfs?.close())
    await step(() => this.#alone?.stop())
    await step(() => this.#backups?.stop())
    await step(() => this.#jobs?.stop())
    this.state.deletions.stop()
    await step(() => this.#tasks.drain())
    await step(() => this.#blocks?.close())
    await step(() => this.#session?.close())
    await step(() => (this.meta.readOnly ? undefined : this.engine.sync()))
    this.store.close()
    await step(() => this.engine.close())
    if (failures.length > 0) throw failures[0]
  }
}

/** Write buffers, cached reads under way among them, and blocks staged on the local disk. */
function pendingBytes(metrics: Metrics): number {
  const { used_buffer_size_bytes = 0, staging_block_bytes = 0 } = metrics.snapshot()
  return used_buffer_size_bytes + staging_block_bytes
}
