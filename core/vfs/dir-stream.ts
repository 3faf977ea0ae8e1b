/**
 * One open directory being listed. A position ("cookie") is a number that the kernel gives back: 0 the start, 1
 * after `.`, 2 after `..`, then one for each name in the order first listed. It means "after this name": the
 * listing goes on in name order from there, so that an entry which exists during the whole scan is met exactly
 * once, whatever comes, goes or is renamed around it, and after any seek to a position given before.
 *
 * Names are kept for the newest positions and for every 256th older one; between those a 32-bit hash a position
 * finds the name again, so a listing of ten million entries holds 40 MB.
 */
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { DirItem, Found, Meta } from '#core/meta/api.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'

/** The position after `..`; those of `extra` entries follow. */
const DOT_DOT = 2
const ANCHOR_EVERY = 256
const NAMES_KEPT = 16_384
const PAGE = 4096
/** When entries turn out smaller than the caller thought, so much of what it wanted is read for the rest of its room. */
const REST = 1 / 8

export interface DirEntry {
  readonly name: Name
  readonly ino: Ino
  readonly type: number
  /** Asked for with nodes; undefined for `.`, `..` and an entry that dangles. */
  readonly found: Found | undefined
  /** Position after this entry. */
  readonly next: number
}

/** Entries that are shown before the real ones. */
export interface ExtraEntry extends Found {
  readonly name: Name
}

export class DirStream {
  readonly #meta: Meta
  readonly #ino: Ino
  readonly #extra: readonly ExtraEntry[]
  /** By position: hash of the name; the name itself where it is kept. Positions from `#base` on. */
  #hashes = new Uint32Array(1024)
  readonly #names = new Map<number, Name>()
  /** The next position to give out. */
  #next: number
  /** Oldest position whose name may still have to be thinned out. */
  #thin: number
  /** Positions at which a run of listed names begins anew, after a seek. */
  readonly #runs = new Set<number>()
  /** Entries listed without nodes that did not fit, for the position they follow. */
  #ahead: { readonly after: number; readonly items: readonly DirItem[]; readonly more: boolean } | undefined

  constructor(meta: Meta, ino: Ino, extra: readonly ExtraEntry[]) {
    this.#meta = meta
    this.#ino = ino
    this.#extra = extra
    this.#next = this.#thin = this.#base
  }

  get #base(): number {
    return DOT_DOT + this.#extra.length + 1
  }

  /**
   * Give entries after `position` to `emit` until it refuses one or there are no more. With nodes they are read
   * inside this call, about `want` at a time.
   */
  async read(
    ctx: OpContext,
    position: number,
    want: number,
    withNodes: boolean,
    emit: (entry: DirEntry) => boolean,
  ): Promise<void> {
    if (position === 0) this.#rewind()
    let at = position
    if (at < this.#base - 1) {
      const front = await this.#front(ctx)
      for (; at < front.length; at++) if (!emit({ ...front[at]!, next: at + 1 })) return
    }
    for (let asked = want; ; asked = Math.ceil(want * REST)) {
      const page = await this.#page(ctx, at, asked, withNodes)
      let fresh = false
      for (const [k, item] of page.items.entries()) {
        const { next, isNew } = this.#positionOf(at, item.name, fresh)
        fresh ||= isNew
        const { name, ino, type, node } = item
        if (!emit({ name, ino, type, found: node === null ? undefined : { ino, node }, next })) {
          if (!withNodes) this.#ahead = { after: at, items: page.items.slice(k), more: page.more }
          return
        }
        at = next
      }
      if (!page.more) return
    }
  }

  #rewind(): void {
    this.#names.clear()
    this.#runs.clear()
    this.#next = this.#thin = this.#base
    this.#ahead = undefined
  }

  async #front(ctx: OpContext): Promise<readonly Omit<DirEntry, 'next'>[]> {
    const up = await this.#meta.lookup(ctx, this.#ino, '..')
    const extra = this.#extra.map(({ name, ino, node }) => ({
      name,
      ino,
      type: node.type,
      found: { ino, node },
    }))
    return [
      { name: '.', ino: this.#ino, type: TYPE_DIRECTORY, found: undefined },
      { name: '..', ino: up?.ino ?? this.#ino, type: TYPE_DIRECTORY, found: undefined },
      ...extra,
    ]
  }

  async #page(
    ctx: OpContext,
    position: number,
    want: number,
    withNodes: boolean,
  ): Promise<{ readonly items: readonly DirItem[]; readonly more: boolean }> {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead !== undefined && ahead.after === position && !withNodes) return ahead
    const after = position < this.#base ? undefined : await this.#nameAt(ctx, position)
    const limit = withNodes ? want : PAGE
    const page = await this.#meta.readdir(ctx, this.#ino, { after, limit }, withNodes)
    return { items: page.items, more: page.next !== undefined }
  }

  /**
   * The position after `name`, which follows position `before` in the listing: the one it had already when the
   * listing is read again after a seek, else a new one.
   */
  #positionOf(
    before: number,
    name: Name,
    fresh: boolean,
  ): { readonly next: number; readonly isNew: boolean } {
    const again = before < this.#base ? this.#base : before + 1
    const hash = hashOf(name)
    if (!fresh && again < this.#next && this.#hashes[again] === hash && !this.#runs.has(again)) {
      if (this.#names.get(again) === undefined || this.#names.get(again) === name) {
        return { next: again, isNew: false }
      }
    }
    const next = this.#next++
    if (next === this.#hashes.length) {
      const larger = new Uint32Array(2 * next)
      larger.set(this.#hashes)
      this.#hashes = larger
    }
    this.#hashes[next] = hash
    this.#names.set(next, name)
    if (next !== again) this.#runs.add(next)
    this.#forgetOld()
    return { next, isNew: true }
  }

  #forgetOld(): void {
    for (; this.#next - this.#thin > NAMES_KEPT; this.#thin++) {
      if (this.#thin % ANCHOR_EVERY !== 0 && !this.#runs.has(this.#thin)) this.#names.delete(this.#thin)
    }
  }

  /** The name that position `position` comes after; undefined means the start. */
  async #nameAt(ctx: OpContext, position: number): Promise<Name | undefined> {
    const known = this.#names.get(position)
    if (known !== undefined) return known
    if (position >= this.#next) return undefined
    // List again from the nearest name kept, and walk along the hashes: the last one met at or before the
    // position is where to go on; names that were there all along come after it.
    let anchor = position
    while (anchor > this.#base && !this.#names.has(anchor)) anchor--
    let name = this.#names.get(anchor)
    if (name === undefined) anchor = this.#base - 1
    const later = new Map<number, number>()
    const end = Math.min(this.#next, position + ANCHOR_EVERY)
    for (let at = end - 1; at > anchor; at--) later.set(this.#hashes[at]!, at)
    for (let after = name; ; ) {
      const page = await this.#meta.readdir(ctx, this.#ino, { after, limit: PAGE }, false)
      for (const item of page.items) {
        const at = later.get(hashOf(item.name)) ?? -1
        if (at > position) return name
        if (at >= 0) name = item.name
        if (at === position) return name
      }
      if (page.next === undefined) return name
      after = page.next
    }
  }
}

/** FNV-1a, 32 bits. */
function hashOf(name: Name): number {
  let hash = 0x811c9dc5
  for (let k = 0; k < name.length; k++) hash = Math.imul(hash ^ name.charCodeAt(k), 0x01000193)
  return hash >>> 0
}
