/** The inspector of an opened volume: its index is opened when something is first asked, and closed with the volume. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ContentFile } from '#core/inspect/content-file.ts'
import type { ContentParts } from '#core/inspect/content-scan.ts'
import { IndexFile } from '#core/inspect/index-file.ts'
import { ObjectList } from '#core/inspect/object-list.ts'
import type { ClientBlocks, IndexedVolume } from '#core/inspect/parts.ts'
import type { ScanOptions } from '#core/inspect/scan.ts'
import { changeOf, VolumeIndex } from '#core/inspect/volume-index.ts'
import { hearCommits } from '#core/meta/commit-feed.ts'
import { InspectLink } from './inspect-link.ts'
import { type MountCalls, mountCalls } from './mount-calls.ts'
import type { Volume } from './open-volume.ts'
import { defaultIndexDir, type VolumeOptions } from './volume-options.ts'

/** An index that was not used for so long is made anew. */
const KEPT_MS = 30 * 86_400_000

export class Inspector {
  readonly #volume: Volume
  readonly #folder: string
  #index: VolumeIndex | undefined
  #stopHearing: (() => void) | undefined
  #content: ContentFile | undefined
  #objects: ObjectList | undefined
  /** In a process of a mount's inspector: that mount, which holds the blocks and changes the metadata. */
  mount: (ClientBlocks & MountCalls) | undefined
  /** Of a mount: questions are answered in another process. */
  readonly link: InspectLink | undefined

  /** `metaUrl`: of a mount, whose loop must not be kept busy. */
  constructor(volume: Volume, options: VolumeOptions, metaUrl?: string) {
    this.#volume = volume
    this.#folder = indexFolder(options)
    if (metaUrl !== undefined)
      this.link = new InspectLink(volume, { metaUrl, options: innerOptions(options, this.#folder) })
  }

  get index(): VolumeIndex {
    return (this.#index ??= this.#open())
  }

  /** What answers are made of, with an index that has been built. */
  async parts(options: ScanOptions): Promise<IndexedVolume> {
    const { setting, engine, meta, blocks, store, geometry, clock } = this.#volume
    await this.index.ensure(options)
    return { setting, engine, meta, blocks: this.mount ?? blocks, store, geometry, clock, index: this.index }
  }

  /** The bucket as the last survey listed it. */
  async objects(options: ScanOptions): Promise<ObjectList> {
    return (this.#objects ??= new ObjectList(await this.parts(options)))
  }

  /** The same with what is known of the bytes. */
  async contentParts(options: ScanOptions): Promise<ContentParts> {
    const parts = await this.parts(options)
    this.#content ??= ContentFile.open(this.#file('.content.db'), this.#volume.setting.UUID)
    const { shareSlice } = this.mount ?? mountCalls(this.#volume)
    return { ...parts, blocks: this.mount ?? this.#volume.blocks, shareSlice, content: this.#content }
  }

  /** The same, and an index that is right as of now: that may take a scan. */
  async settledContent(options: ScanOptions): Promise<ContentParts> {
    const parts = await this.contentParts(options)
    await this.index.settle(options)
    return parts
  }

  /** Note every commit of this process from here on. While others change the volume, too, the index is not exact. */
  hearOwn(): void {
    this.#stopHearing ??= hearCommits(this.#volume.engine, (changes) =>
      this.index.note(changes.flatMap((change) => changeOf(change) ?? [])),
    )
    this.index.hearing()
  }

  /** End what runs only for questions; the next one begins it again. */
  async rest(): Promise<void> {
    await this.link?.close()
  }

  async close(): Promise<void> {
    await this.link?.close()
    this.#stopHearing?.()
    this.#index?.file.close()
    this.#content?.close()
  }

  #open(): VolumeIndex {
    const { setting, engine, clock } = this.#volume
    removeOld(this.#folder, clock.nowSec() * 1000)
    const file = IndexFile.open(this.#file('.db'), `${setting.UUID} ${engine.address}`)
    return new VolumeIndex({ file, engine, clock })
  }

  #file(end: string): string {
    return join(this.#folder, `${this.#volume.setting.UUID}${end}`)
  }
}

function indexFolder({ indexDir, cacheDirs = [] }: VolumeOptions): string {
  if (indexDir !== undefined) return indexDir
  const [cache] = cacheDirs
  return cache === undefined || cache === 'memory' ? defaultIndexDir() : join(cache, 'index')
}

/** Indexes of volumes that nobody has inspected for long, and what processes that were killed left. */
function removeOld(folder: string, nowMs: number): void {
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      if (statSync(path).mtimeMs < nowMs - KEPT_MS) rmSync(path)
    }
  } catch {
    // There is none yet, or it is another's: opening the index says what is wrong.
  }
}

/** How a mount's volume is opened once more, by its inspector's process: to read, and with no caches of its own. */
function innerOptions(options: VolumeOptions, indexDir: string): VolumeOptions {
  return {
    ...options,
    mountPoint: undefined,
    readOnly: true,
    unrecorded: true,
    noBackgroundJobs: true,
    checkStorage: false,
    cacheDirs: [],
    indexDir,
    metaCacheRecords: 0,
    backupMetaSec: 0,
    writeback: false,
  }
}
