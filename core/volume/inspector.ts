/** The inspector of an opened volume: its index is opened when something is first asked, and closed with the volume. */
import { join } from 'node:path'
import { ContentFile } from '#core/inspect/content-file.ts'
import type { ContentParts } from '#core/inspect/content-scan.ts'
import { IndexFile } from '#core/inspect/index-file.ts'
import type { InspectParts } from '#core/inspect/parts.ts'
import type { ScanOptions } from '#core/inspect/scan.ts'
import { VolumeIndex } from '#core/inspect/volume-index.ts'
import { hearCommits } from '#core/meta/commit-feed.ts'
import type { Volume } from './open-volume.ts'
import { defaultIndexDir } from './volume-options.ts'

export class Inspector {
  readonly #volume: Volume
  readonly #folder: string | undefined
  #index: VolumeIndex | undefined
  #stopHearing: (() => void) | undefined
  #content: ContentFile | undefined

  /** Without `folder`, the user's own. */
  constructor(volume: Volume, folder?: string) {
    this.#volume = volume
    this.#folder = folder
  }

  get index(): VolumeIndex {
    return (this.#index ??= this.#open())
  }

  /** What answers are made of, with an index that has been built. */
  async parts(options: ScanOptions): Promise<InspectParts> {
    const { setting, engine, meta, blocks, store, geometry, clock } = this.#volume
    await this.index.ensure(options)
    return { setting, engine, meta, blocks, store, geometry, clock, index: this.index }
  }

  /** The same with what is known of the bytes, and an index that is right as of now. */
  async contentParts(options: ScanOptions): Promise<ContentParts> {
    const parts = await this.parts(options)
    await this.index.settle(options)
    this.#content ??= ContentFile.open(this.#file('.content.db'), this.#volume.setting.UUID)
    return { ...parts, content: this.#content }
  }

  /** Note every commit of this process from here on. While others change the volume, too, the index is not exact. */
  hearOwn(): void {
    this.#stopHearing ??= hearCommits(this.#volume.engine, (changes) => this.index.noteCommit(changes))
    this.index.hearing()
  }

  close(): void {
    this.#stopHearing?.()
    this.#index?.file.close()
    this.#content?.close()
  }

  #open(): VolumeIndex {
    const { setting, engine, clock } = this.#volume
    const file = IndexFile.open(this.#file('.db'), `${setting.UUID} ${engine.address}`)
    return new VolumeIndex({ file, engine, clock })
  }

  #file(end: string): string {
    return join(this.#folder ?? defaultIndexDir(), `${this.#volume.setting.UUID}${end}`)
  }
}
