/**
 * The committed views of an open file's chunks, as last read or as our own commits made them. A view is exact for
 * close-to-open: whoever notices a foreign change calls `clear`.
 */
import type { Ino } from '#core/base/ino.ts'
import type { Meta } from '#core/meta/api.ts'
import type { NodeRecord, SliceRecord } from '#core/meta/records.ts'
import { ChunkView } from './chunk-view.ts'

/** Chunks kept per open file; 64 GiB of file. */
const MAX_VIEWS = 1024
/** Views that do not fit to a file which others keep changing are taken after so many tries. */
const MAX_TRIES = 10

/** Who keeps the file's record, and is told of views. */
export interface ViewKeeper {
  /** Number of the last local change. */
  readonly sequence: number
  /** The record read with a view; it clears the views when the file is not what it was. */
  observe(ino: Ino, record: NodeRecord, since: number): void
  /** Every view that was read. */
  loaded(ino: Ino, index: number, view: ChunkView): void
}

export class ChunkViews {
  readonly #meta: Meta
  readonly #ino: Ino
  readonly #views = new Map<number, ChunkView>()
  readonly #loading = new Map<number, Promise<ChunkView>>()
  /** Counts changes, so that a load that overlapped one is done again. */
  #version = 0

  readonly #keeper: ViewKeeper

  constructor(meta: Meta, ino: Ino, keeper: ViewKeeper) {
    this.#meta = meta
    this.#ino = ino
    this.#keeper = keeper
  }

  peek(index: number): ChunkView | undefined {
    return this.#views.get(index)
  }

  /** The view after at least every change known when this was called. Errors: as Meta.readChunkWithFile. */
  load(index: number): Promise<ChunkView> {
    const known = this.#views.get(index)
    if (known !== undefined) return Promise.resolve(known)
    let loading = this.#loading.get(index)
    if (loading === undefined) {
      loading = this.#read(index).finally(() => this.#loading.delete(index))
      this.#loading.set(index, loading)
    }
    return loading
  }

  async #read(index: number): Promise<ChunkView> {
    for (let tries = 1; ; tries++) {
      const version = this.#version
      const since = this.#keeper.sequence
      const { records, node } = await this.#meta.readChunkWithFile(this.#ino, index)
      if (version === this.#version && node !== null) this.#keeper.observe(this.#ino, node, since)
      if (version !== this.#version && tries < MAX_TRIES) continue
      const view = this.#keep(index, new ChunkView(records))
      this.#keeper.loaded(this.#ino, index, view)
      return view
    }
  }

  #keep(index: number, view: ChunkView): ChunkView {
    if (this.#views.size >= MAX_VIEWS) this.#views.delete(this.#views.keys().next().value!)
    this.#views.set(index, view)
    return view
  }

  /** Our own commit appended `added`; the chunk has `records` records now. */
  appended(index: number, added: readonly SliceRecord[], records: number): void {
    this.#version++
    const view = this.#views.get(index)
    if (view !== undefined && view.records + added.length === records)
      for (const record of added) view.paint(record)
    else if (records === added.length) this.#keep(index, new ChunkView(added))
    else this.#views.delete(index)
  }

  drop(index: number): void {
    this.#version++
    this.#views.delete(index)
  }

  clear(): void {
    this.#version++
    this.#views.clear()
  }
}
