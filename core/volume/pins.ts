/**
 * Files and folders that are to be had without the bucket: their blocks are fetched into the disk cache and never
 * evicted, whatever the cache's size; only the disk's free space is minded. What changes in them, here or elsewhere,
 * is followed by looking again now and then. Until the first look is over nothing at all is evicted.
 */
import { join } from 'node:path'
import { forEachParallel, pages } from '#core/admin/pages.ts'
import { walk } from '#core/admin/walk.ts'
import type { Clock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { BackendError, ENOENT, FsError } from '#core/base/errno.ts'
import { gatedToo, pass } from '#core/base/gate.ts'
import { type Ino, inoText, isTrash, ROOT_INO } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { type NodeRecord, TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { typeName } from './file-view.ts'
import type { Volume } from './open-volume.ts'
import { type PinnedNode, readPins, writePins } from './pin-list.ts'

const LOOK_MS = 300_000
/** Looking takes at most this part of the time. */
const SHARE = 1 / 200
const THREADS = 16
const LIST = 'pins.json'

/** What the last look found of one pin. */
interface Look {
  readonly atMs: number
  readonly files: number
  readonly bytes: number
  readonly cachedBytes: number
  /** Why not all of it is here. */
  readonly note?: string
}

/** One pin as plain data; null: not looked at yet. */
export interface ShownPin {
  readonly ino: string
  /** Where it is now; null: in the trash. */
  readonly path: string | null
  readonly type: string
  readonly sinceMs: number
  readonly files: number | null
  readonly bytes: number | null
  readonly cachedBytes: number | null
  readonly asOfMs: number | null
  readonly note?: string
}

export interface PinJob {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly files: number }) => void
}

type PinVolume = Pick<Volume, 'meta' | 'engine' | 'blocks' | 'state' | 'geometry' | 'setting'>

export class Pins {
  readonly #volume: PinVolume
  readonly #clock: Clock
  readonly #log: Log
  readonly #file: string | undefined
  readonly #looks = new Map<Ino, Look>()
  readonly #stop = new AbortController()
  #pins: readonly PinnedNode[] = []
  /** Every pin was looked at once: what is kept is known. */
  #known = false
  #loop: Promise<void> | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** `cacheDirs`: as the volume was opened with; without a disk cache nothing can be pinned. */
  constructor(volume: PinVolume, cacheDirs: readonly string[], clock: Clock, log: Log) {
    const [dir] = cacheDirs
    this.#volume = volume
    this.#clock = clock
    this.#log = log
    this.#file = dir === undefined || dir === 'memory' ? undefined : join(dir, volume.setting.UUID, LIST)
  }

  /** Call right after the blocks were opened, before anything can be evicted. */
  async load(): Promise<void> {
    if (this.#file === undefined) return
    try {
      this.#pins = await readPins(this.#file)
    } catch (error) {
      this.#log.error('the list of pinned files cannot be read', { file: this.#file, error })
      return
    }
    if (this.#pins.length > 0) this.#volume.blocks.holdCache(true)
  }

  /** Keep looking until `stop`. */
  watch(): void {
    if (this.#file !== undefined) this.#loop = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stop.abort(new BackendError('closed', 'volume closed'))
    await this.#loop
    await this.#turn
  }

  async list(): Promise<readonly ShownPin[]> {
    const shown = await Promise.all(this.#pins.map((pin) => this.#shown(pin)))
    return shown.filter((pin) => pin !== undefined)
  }

  /** Pin, and fetch what is not here yet. When it is cancelled the rest is fetched later. Errors: Refusal. */
  async add(inos: readonly Ino[], job: PinJob): Promise<readonly ShownPin[]> {
    if (this.#file === undefined || !this.#volume.blocks.hasDiskCache)
      throw new Refusal('nothing can be kept here without a disk cache', 'give the volume a cache folder')
    const stored = inos.map((ino) => this.inoOf(ino))
    await this.#change((pins) => {
      const known = new Set(pins.map(({ ino }) => ino))
      const sinceMs = Math.floor(this.#clock.nowSec() * 1000)
      return [
        ...pins,
        ...[...new Set(stored)].filter((ino) => !known.has(ino)).map((ino) => ({ ino, sinceMs })),
      ]
    })
    const only = this.#known ? this.#pins.filter(({ ino }) => stored.includes(ino)) : this.#pins
    await this.#inTurn(() => this.#look(only, job))
    return (await this.list()).filter(({ ino }) => stored.some((each) => inoText(each) === ino))
  }

  /** The inode that stands for `ino` in the list: the root of a part of a volume is known by its own. */
  inoOf(ino: Ino): Ino {
    return ino === ROOT_INO ? this.#volume.state.rootIno : ino
  }

  /** Resolves when it is known which slices are kept: none of a pin is dropped by mistake from then on. */
  async know(job: PinJob): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#known && this.#pins.length > 0) await this.#look(this.#pins, job, false)
    })
  }

  /** Their blocks stay until their room is needed. Returns those that were pinned. */
  async remove(inos: readonly string[]): Promise<readonly string[]> {
    if (this.#file === undefined) return []
    let removed: readonly string[] = []
    await this.#change((pins) => {
      removed = pins.map(({ ino }) => inoText(ino)).filter((ino) => inos.includes(ino))
      return pins.filter(({ ino }) => !inos.includes(inoText(ino)))
    })
    // Which slices only they had is found out by looking at the others, which may take a while.
    void this.#inTurn(() => this.#look(this.#pins, {}, false)).catch((error: unknown) => this.#failed(error))
    return removed
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop
    for (;;) {
      const began = this.#clock.monotonicMs()
      await this.#inTurn(() => this.#lookAtAll()).catch((error: unknown) => this.#failed(error))
      const tookMs = this.#clock.monotonicMs() - began
      await this.#clock.sleep(Math.max(LOOK_MS, tookMs / SHARE), signal).catch(() => {})
      if (signal.aborted) return
    }
  }

  #failed(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#log.warn('pinned files could not be looked after', { error })
  }

  /** As listed now: another process on this cache may have changed the list. */
  async #lookAtAll(): Promise<void> {
    this.#pins = await readPins(this.#file!)
    await this.#look(this.#pins, {})
  }

  async #change(change: (pins: readonly PinnedNode[]) => readonly PinnedNode[]): Promise<void> {
    await this.#inTurn(async () => {
      this.#pins = change(await readPins(this.#file!))
      await writePins(this.#file!, this.#pins)
    })
  }

  /** One look or change at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** Look at `pins`; when that is all of them, what is kept besides is let go. */
  async #look(pins: readonly PinnedNode[], job: PinJob, fetch = true): Promise<void> {
    const { blocks } = this.#volume
    const signal = gatedToo(job.signal, this.#stop.signal)
    const seen = new Set<number>()
    let files = 0
    const onFile = () => job.onProgress?.({ files: ++files })
    for (const pin of pins) this.#looks.set(pin.ino, await this.#lookAt(pin, seen, onFile, signal, fetch))
    if (pins.length < this.#pins.length) return
    blocks.keepOnly(seen)
    blocks.holdCache(false)
    this.#known = true
  }

  async #lookAt(
    { ino }: PinnedNode,
    seen: Set<number>,
    onFile: () => void,
    signal: AbortSignal,
    fetch: boolean,
  ): Promise<Look> {
    const { engine, blocks, geometry } = this.#volume
    const found = { files: 0, bytes: 0, cachedBytes: 0 }
    let failure: unknown
    await forEachParallel(this.#filesOf(ino, signal), THREADS, async (file) => {
      for await (const { slices } of pages(engine, { kind: 'chunks', ino: file }, signal)) {
        for (const { id, size } of decodeSlices(slices)) {
          if (id === 0 || seen.has(id)) continue
          await pass(signal)
          seen.add(id)
          blocks.keep({ id, size })
          // A bucket that fails once is not asked for the rest: what is here is kept all the same.
          if (fetch && failure === undefined) await blocks.warm({ id, size }, signal).catch(caught)
          for (const [block, place] of (await blocks.locate({ id, size }, false)).entries()) {
            const bytes = geometry.size(size, block)
            found.bytes += bytes
            if (place === 'disk' || place === 'staging') found.cachedBytes += bytes
          }
        }
      }
      found.files++
      onFile()
    })
    function caught(error: unknown): void {
      signal.throwIfAborted()
      failure = error
    }
    return { atMs: this.#clock.nowSec() * 1000, ...found, ...noteOf(found, failure) }
  }

  async *#filesOf(ino: Ino, signal: AbortSignal): AsyncGenerator<Ino> {
    const { meta } = this.#volume
    const ctx = rootContext(signal)
    const node = await this.#node(ino)
    if (node?.type === TYPE_FILE) yield ino
    if (node?.type !== TYPE_DIRECTORY) return
    for await (const at of walk(meta, ctx, ino, '', { signal })) {
      if (at.node?.type === TYPE_FILE && !isTrash(at.parent)) yield at.ino
    }
  }

  /** Undefined when it is gone for good. */
  #node(ino: Ino): Promise<NodeRecord | undefined> {
    return this.#volume.meta.getattr(rootContext(), ino).catch((error: unknown) => {
      if (error instanceof FsError && error.errno === ENOENT) return undefined
      throw error
    })
  }

  async #shown({ ino, sinceMs }: PinnedNode): Promise<ShownPin | undefined> {
    const node = await this.#node(ino)
    if (node === undefined) return undefined
    const [path] = await this.#volume.meta.paths(ino)
    const look = this.#looks.get(ino)
    return {
      ino: inoText(ino),
      path: path === undefined || path.startsWith('/.trash/') ? null : path,
      type: typeName(node.type),
      sinceMs,
      files: look?.files ?? null,
      bytes: look?.bytes ?? null,
      cachedBytes: look?.cachedBytes ?? null,
      asOfMs: look?.atMs ?? null,
      ...(look?.note !== undefined && { note: look.note }),
    }
  }
}

function noteOf(
  { bytes, cachedBytes }: { bytes: number; cachedBytes: number },
  failure: unknown,
): { note?: string } {
  if (cachedBytes >= bytes) return {}
  if (failure instanceof Error) return { note: redactText(failure.message) }
  return { note: 'the disk of the cache has too little free space' }
}
