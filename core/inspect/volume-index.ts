/**
 * The index of one volume, and how it is kept true.
 *
 * What is heard of (commits of this process, pushes of the server) is noted and read again with the next `refresh`. As
 * long as everything was heard since the last whole scan the index is *exact*; after a silence it is not, and says so:
 * answers about one object or file then check what they say against the metadata themselves, and whoever needs all of it
 * to be right (`settle`) pays for a scan. See docs/decisions/inspect-index.md.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Change, ChangedScope, MetaEngine, RecentChange, RecordKey } from '#core/meta/engine.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'
import type { IndexStatus } from './answers.ts'
import type { IndexFile } from './index-file.ts'
import { generationOf, isScanning, type ScanOptions, scanAll } from './scan.ts'

/** Changes read again in one round trip. */
const BATCH = 500
const NAMES_PAGE = 4096
/** Scans for questions take a twentieth of the time. */
const REST = 20
const COUNTS_MS = 30_000

/** What is noted at most; more is as if nothing had been heard. */
const MOST_NOTED = 200_000

/** What is to be read again; `entries`: all names in a directory. */
export type IndexChange = RecentChange | { readonly kind: 'entries'; readonly parent: Ino }

export interface IndexParts {
  readonly file: IndexFile
  readonly engine: MetaEngine
  readonly clock: Clock
}

export class VolumeIndex {
  readonly file: IndexFile
  readonly #engine: MetaEngine
  readonly #clock: Clock
  /** Who hears of every change from here on: nobody, at first. */
  #isHearing = false
  #isExact = false
  /** How often there was too much to note. */
  #overflows = 0
  #counts: { readonly atMs: number; readonly counts: ReturnType<IndexFile['counts']> } | undefined
  readonly #noted = new Map<string, IndexChange>()
  /** No scan for a question before. */
  #restUntilMs = 0
  /** Maintenance is done by one at a time. */
  #line: Promise<unknown> = Promise.resolve()

  constructor({ file, engine, clock }: IndexParts) {
    this.file = file
    this.#engine = engine
    this.#clock = clock
  }

  /** Nothing has changed since the last scan that was not noted here. */
  get isExact(): boolean {
    return this.#isExact
  }

  get isReady(): boolean {
    return this.file.get('built') !== undefined
  }

  /** When the last whole scan began, Unix milliseconds; 0 before the first. */
  get builtMs(): number {
    return Number(this.file.get('built') ?? 0)
  }

  status(): IndexStatus {
    const built = this.file.get('built')
    const current = this.file.get('current')
    return {
      state: built === undefined ? (isScanning(this.file) ? 'building' : 'none') : 'ready',
      ...this.#counted(),
      builtMs: built === undefined ? null : Number(built),
      currentMs: current === undefined ? null : Number(current),
      bytes: this.file.bytes,
    }
  }

  /** Counting a million rows takes a while: a count is good for half a minute. */
  #counted(): ReturnType<IndexFile['counts']> {
    const now = this.#clock.monotonicMs()
    if (this.#counts === undefined || now - this.#counts.atMs > COUNTS_MS)
      this.#counts = { atMs: now, counts: this.file.counts() }
    return this.#counts.counts
  }

  /** From here on every change by anybody is noted. */
  hearing(): void {
    this.#isHearing = true
  }

  /** Changes may be missed from here on. */
  deaf(): void {
    this.#isHearing = false
    this.#isExact = false
  }

  /** Some changes were not noted; those from here on are. */
  missed(): void {
    this.#isExact = false
    this.#overflows++
  }

  /** Changes by others, as a server pushes them. */
  noteScopes(scopes: readonly ChangedScope[]): void {
    for (const scope of scopes)
      if (scope.kind === 'chunk' || scope.kind === 'node' || scope.kind === 'entries') this.#note(scope)
  }

  /** What commits of this computer's mount did, or may have done. */
  note(changes: readonly IndexChange[]): void {
    for (const change of changes) this.#note(change)
  }

  #note(change: IndexChange): void {
    if (this.#noted.size >= MOST_NOTED) {
      this.#noted.clear()
      this.missed()
    }
    this.#noted.set(keyText(change), change)
  }

  /** The index exists, as of some time: built now if it was not. */
  async ensure(options: ScanOptions): Promise<void> {
    if (!this.isReady) await this.#alone(async () => this.isReady || this.#scan(options))
  }

  /** Read again what was noted. */
  refresh(options: ScanOptions = {}): Promise<void> {
    return this.#alone(() => this.#readNoted(options))
  }

  /** Take in what was noted, and what the engine can tell of changes lately. */
  catchUp(options: ScanOptions = {}): Promise<void> {
    return this.#alone(async () => {
      const recent = await this.#engine.recentChanges?.(this.file.get('mark'))
      if (recent?.changes !== undefined) this.note(recent.changes)
      await this.#readNoted(options)
      if (recent?.changes !== undefined) this.file.set('mark', recent.mark)
    })
  }

  /** After a question that `catchUp` did not settle: a scan, which comes only so often. False: it is not its time yet. */
  catchUpWholly(options: ScanOptions = {}): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#isExact || this.#clock.monotonicMs() < this.#restUntilMs) return this.#isExact
      await this.#scan(options)
      return true
    })
  }

  /** Right in everything as of now, as far as metadata that others are changing can be. */
  async settle(options: ScanOptions): Promise<void> {
    await this.#alone(() => (this.#isExact ? this.#readNoted(options) : this.#scan(options)))
  }

  /** Go over all metadata. */
  rescan(options: ScanOptions): Promise<void> {
    return this.#alone(() => this.#scan(options))
  }

  /** What changes meanwhile is noted, if it is heard of, and read again at the end. */
  async #scan(options: ScanOptions): Promise<void> {
    const { file } = this
    const isWhole = this.#isHearing && !isScanning(file)
    const overflows = this.#overflows
    if (!isScanning(file)) {
      file.set('scan-began', String(this.#clock.nowSec() * 1000))
      file.set('scan-mark', (await this.#engine.recentChanges?.(undefined))?.mark)
    }
    const began = this.#clock.monotonicMs()
    await scanAll(file, this.#engine, options)
    const ended = this.#clock.monotonicMs()
    this.#restUntilMs = ended + REST * (ended - began)
    this.#isExact = isWhole && this.#isHearing && overflows === this.#overflows
    file.set('mark', file.get('scan-mark'))
    file.set('built', file.get('scan-began'))
    file.set('current', file.get('scan-began'))
    await this.#readNoted(options)
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#line
    const done = before.then(work, work)
    this.#line = done.catch(() => {})
    return done
  }

  async #readNoted({ signal, onProgress }: ScanOptions): Promise<void> {
    const nowMs = this.#clock.nowSec() * 1000
    for (let done = 0; ; ) {
      signal?.throwIfAborted()
      const changes = this.#takeNoted()
      if (changes.length === 0) break
      try {
        await this.#readAgain(changes)
      } catch (error) {
        for (const change of changes) this.#note(change)
        throw error
      }
      done += changes.length
      onProgress?.({ step: 'changes', done })
    }
    if (this.#isExact) this.file.set('current', String(nowMs))
  }

  /** Some of what was noted, which is forgotten: what changes while it is read again is noted again. */
  #takeNoted(): readonly IndexChange[] {
    const taken: IndexChange[] = []
    for (const [key, change] of this.#noted) {
      this.#noted.delete(key)
      if (taken.push(change) === BATCH) break
    }
    return taken
  }

  async #readAgain(changes: readonly IndexChange[]): Promise<void> {
    const gen = generationOf(this.file)
    const keys = changes.flatMap(keyOf)
    const values = await this.#engine.read(keys)
    this.file.atomically(() => {
      for (const [k, key] of keys.entries()) {
        const value = values[k]!
        if (key.kind === 'chunk') this.file.putChunk(key.ino, key.index, value as Uint8Array | null, gen)
        else if (key.kind === 'edge')
          this.file.putEdge(key.parent, key.name, (value as { ino: Ino } | null)?.ino ?? null, gen)
        else this.file.putNode(key.ino, value as Parameters<IndexFile['putNode']>[1], gen)
      }
    })
    for (const change of changes) {
      if (change.kind === 'entries') await this.#readEntries(change.parent, gen)
      if (change.kind === 'file') await this.readChunks(change.ino, gen)
    }
  }

  /** What somebody has just read of some chunks; null: not there. */
  sawChunks(
    chunks: readonly { readonly ino: Ino; readonly index: number; readonly records: Uint8Array | null }[],
  ): void {
    const gen = generationOf(this.file)
    this.file.atomically(() => {
      for (const { ino, index, records } of chunks) this.file.putChunk(ino, index, records, gen)
    })
  }

  /** All chunks of a file, as they are now. */
  async readChunks(ino: Ino, gen = generationOf(this.file)): Promise<void> {
    const gone = new Set(this.file.chunksOf(ino))
    for await (const page of pagesOf({ engine: this.#engine }, { kind: 'chunks', ino })) {
      this.file.atomically(() => {
        for (const { index, slices } of page) {
          gone.delete(index)
          this.file.putChunk(ino, index, slices, gen)
        }
      })
    }
    this.file.atomically(() => {
      for (const index of gone) this.file.putChunk(ino, index, null, gen)
    })
  }

  async #readEntries(parent: Ino, gen: number): Promise<void> {
    const gone = new Set<Name>()
    for (let names = this.file.namesIn(parent, '', NAMES_PAGE); names.length > 0; ) {
      for (const { name } of names) gone.add(name)
      names = this.file.namesIn(parent, names.at(-1)!.name, NAMES_PAGE)
    }
    for await (const page of pagesOf({ engine: this.#engine }, { kind: 'edges', parent }, NAMES_PAGE)) {
      this.file.atomically(() => {
        for (const { name, ino } of page) {
          gone.delete(name)
          this.file.putEdge(parent, name, ino, gen)
        }
      })
    }
    this.file.atomically(() => {
      for (const name of gone) this.file.putEdge(parent, name, null, gen)
    })
  }
}

function keyText(change: IndexChange): string {
  switch (change.kind) {
    case 'chunk':
      return `chunk ${change.ino} ${change.index}`
    case 'edge':
      return `edge ${change.parent} ${change.name}`
    case 'entries':
      return `entries ${change.parent}`
    default:
      return `${change.kind} ${change.ino}`
  }
}

type KeyOfChange = Extract<RecordKey, { kind: 'chunk' | 'edge' | 'node' }>

/** The record to read again; none for a directory's entries, which are listed. */
function keyOf(change: IndexChange): KeyOfChange[] {
  if (change.kind === 'chunk' || change.kind === 'edge') return [change]
  return change.kind === 'entries' ? [] : [{ kind: 'node', ino: change.ino }]
}

/** What of the index a change of a commit concerns; undefined: nothing. */
export function changeOf(change: Change): IndexChange | undefined {
  switch (change.kind) {
    case 'putNode':
    case 'delNode':
    case 'touchNode':
      return { kind: 'node', ino: change.ino }
    case 'putEdge':
    case 'delEdge':
      return { kind: 'edge', parent: change.parent, name: change.name }
    case 'appendChunk':
    case 'replaceChunkPrefix':
    case 'delChunk':
      return { kind: 'chunk', ino: change.ino, index: change.index }
    default:
      return undefined
  }
}
