/**
 * Records on their way into an empty engine, many to a commit, and what a volume made of them needs besides: exact
 * counters, slice references, statistics by owner. The setting comes last: until it is there nobody takes the place
 * for a volume.
 */
import { systemClock } from '#core/base/clock.ts'
import { type Ino, inoText, isTrash, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { Refusal } from '#core/base/refusal.ts'
import { aclText } from '#core/meta/acl-rule.ts'
import type { Change, MetaEngine } from '#core/meta/engine.ts'
import { makeNode } from '#core/meta/node.ts'
import {
  type AclRule,
  type NodeRecord,
  type SliceRecord,
  spaceOf,
  TYPE_DIRECTORY,
} from '#core/meta/records.ts'
import { serializeSetting, type VolumeSetting } from '#core/meta/setting.ts'
import type { DumpedCounter } from './counters.ts'
import { IdSet } from './id-set.ts'
import { damaged } from './json-entry.ts'

/** A commit has about so many changes, or bytes in them. */
const CHANGES = 500
const BYTES = 256 * 1024
const MAX_META_VERSION = 1

export interface Usage {
  space: number
  inodes: number
}

export class Loading {
  readonly engine: MetaEngine
  readonly #signal: AbortSignal | undefined
  readonly #nodes = new IdSet()
  readonly #slices = new IdSet()
  readonly #usage: Usage = { space: 0, inodes: 0 }
  readonly #rules = new Map<string, number>()
  #changes: Change[] = []
  #bytes = 0
  #largestIno: Ino = ROOT_INO
  #lastHour = 0

  constructor(engine: MetaEngine, signal?: AbortSignal) {
    this.engine = engine
    this.#signal = signal
  }

  /** `bytes`: what is large in the change. */
  add(change: Change, bytes = 0): void {
    this.#changes.push(change)
    this.#bytes += bytes
  }

  /** Await this often: what has gathered is committed when it is enough. */
  settle(): Promise<void> | undefined {
    return this.#changes.length < CHANGES && this.#bytes < BYTES ? undefined : this.flush()
  }

  async flush(): Promise<void> {
    this.#signal?.throwIfAborted()
    const changes = this.#changes
    this.#changes = []
    this.#bytes = 0
    // Some are of two records.
    const size = Math.floor((this.engine.maxRecords ?? Number.POSITIVE_INFINITY) / 2)
    for (let at = 0; at < changes.length; at += size)
      await this.engine.commit('load', [], changes.slice(at, at + size))
  }

  /** True when the inode is met for the first time. */
  meet(ino: Ino): boolean {
    if (!this.#nodes.add(ino)) return false
    if (isTrash(ino)) this.#lastHour = Math.max(this.#lastHour, ino - TRASH_INO)
    else this.#largestIno = Math.max(this.#largestIno, ino)
    return true
  }

  has(ino: Ino): boolean {
    return this.#nodes.has(ino)
  }

  /** A node that counts in the volume's usage, as all do but both roots. */
  addNode(ino: Ino, node: NodeRecord): void {
    this.add({ kind: 'putNode', ino, node })
    if (ino === ROOT_INO || ino === TRASH_INO) return
    this.#usage.space += spaceOf(node)
    this.#usage.inodes++
  }

  /** A chunk, each of whose records is a use of its slice. */
  addChunk(ino: Ino, index: number, slices: Uint8Array, records: readonly SliceRecord[]): void {
    this.add({ kind: 'appendChunk', ino, index, slices }, slices.length)
    for (const { id, size } of records) {
      if (id === 0) continue
      this.add(
        this.#slices.add(id) ? { kind: 'newSliceRef', id, size } : { kind: 'addSliceRef', id, size, add: 1 },
      )
    }
  }

  /** The id that the rule has here; equal rules share one. */
  async rule(rule: AclRule): Promise<number> {
    const text = aclText(rule)
    const known = this.#rules.get(text)
    if (known !== undefined) return known
    const id = await this.engine.insertAcl(rule)
    this.#rules.set(text, id)
    return id
  }

  /** Counters, the trash where there is none yet, and the setting: from now on it is a volume. */
  async finish(setting: VolumeSetting, dumped: Partial<Record<DumpedCounter, number>>): Promise<void> {
    if ((setting.MetaVersion ?? 0) > MAX_META_VERSION)
      throw new Refusal(
        `volume ${setting.Name} has MetaVersion ${setting.MetaVersion}: this client knows ${MAX_META_VERSION} at most`,
        'upgrade this client',
      )
    if (!this.has(ROOT_INO)) throw damaged('it has no root directory')
    if (setting.TrashDays > 0 && !this.has(TRASH_INO)) {
      const trash = makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: ROOT_INO }, systemClock.now())
      this.addNode(TRASH_INO, trash)
    }
    const counters: Record<DumpedCounter, number> = {
      // Never below what was given out before: numbers of data that others may still have in their caches.
      nextInode: Math.max(this.#largestIno + 1, dumped.nextInode ?? 0),
      nextChunk: Math.max(this.#slices.largest + 1, dumped.nextChunk ?? 0),
      nextTrash: Math.max(this.#lastHour, dumped.nextTrash ?? 0),
      nextSession: dumped.nextSession ?? 0,
      nextCleanupSlices: dumped.nextCleanupSlices ?? 0,
      usedSpace: this.#usage.space,
      totalInodes: this.#usage.inodes,
    }
    for (const [name, value] of Object.entries(counters))
      this.add({ kind: 'putCounter', name: name as DumpedCounter, value })
    await this.flush()
    await this.engine.sync()
    const outcome = await this.engine.commit(
      'load',
      [{ kind: 'recordIs', key: { kind: 'setting' }, is: null }],
      [{ kind: 'putSetting', text: serializeSetting(setting) }],
    )
    if (!outcome.ok) throw new Refusal(`${this.engine.address}: another client has just made a volume here`)
    await this.engine.sync()
  }

  /** For messages. */
  static twice(ino: Ino): Refusal {
    return damaged(`directory ${inoText(ino)} is in it twice`)
  }
}
