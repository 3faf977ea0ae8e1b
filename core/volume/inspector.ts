/** The inspector of an opened volume: its index is opened when something is first asked, and closed with the volume. */
import { join } from 'node:path'
import { IndexFile } from '#core/inspect/index-file.ts'
import type { InspectParts } from '#core/inspect/parts.ts'
import type { ScanOptions } from '#core/inspect/scan.ts'
import { VolumeIndex } from '#core/inspect/volume-index.ts'
import type { Volume } from './open-volume.ts'
import { defaultIndexDir } from './volume-options.ts'

export class Inspector {
  readonly #volume: Volume
  readonly #folder: string | undefined
  #index: VolumeIndex | undefined

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

  close(): void {
    this.#index?.file.close()
  }

  #open(): VolumeIndex {
    const { setting, engine, clock } = this.#volume
    const path = join(this.#folder ?? defaultIndexDir(), `${setting.UUID}.db`)
    const file = IndexFile.open(path, `${setting.UUID} ${engine.address}`)
    return new VolumeIndex({ file, engine, clock })
  }
}
