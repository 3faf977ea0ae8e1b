/**
 * Inodes as answers name them: paths, and why they are kept. Names come from the index; each step of a path is checked
 * against the metadata, so that a path that is shown is one.
 */

import { pages } from '#core/admin/pages.ts'
import { type Ino, inoText, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import { TRASH_NAME } from '#core/meta/names.ts'
import type { Edge, NodeRecord } from '#core/meta/records.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { hourStart } from '#core/meta/trash-hour.ts'
import type { FileView, InodeState } from './answers.ts'
import type { IndexedName } from './index-file.ts'
import type { IndexedVolume } from './parts.ts'

const MOST_NAMES = 100
/** Deeper trees are taken for loops, which broken volumes have. */
const MOST_LEVELS = 1000
const HOUR_MS = 3_600_000
/** The trash is emptied of an hour when that is older than the trash is kept, and two hours more. Source: meta-records.md §16. */
const TRASH_REST_HOURS = 2

/** A name of an inode with the directories above it, the top one first. */
interface Way {
  readonly steps: readonly IndexedName[]
  readonly top: Ino
}

export interface Known {
  readonly view: FileView
  readonly node: NodeRecord | null
  /** False: it has names that were not found, and all metadata may not be scanned again yet. */
  readonly complete: boolean
}

/** Views made for one answer, each inode once. */
export class FileViews {
  readonly #parts: IndexedVolume
  readonly #known = new Map<Ino, Promise<Known>>()

  constructor(parts: IndexedVolume) {
    this.#parts = parts
  }

  of(ino: Ino): Promise<Known> {
    let known = this.#known.get(ino)
    if (known === undefined) {
      known = this.#look(ino)
      this.#known.set(ino, known)
    }
    return known
  }

  async #look(ino: Ino): Promise<Known> {
    const { engine, index } = this.#parts
    const [node] = await engine.read([{ kind: 'node', ino }], 'fresh')
    let ways = node === null ? [] : await this.#trueWays(ino)
    let complete = true
    if (node !== null && node.nlink > 0 && ways.length < expectedNames(node)) {
      // Somebody renamed or linked it, and we have not heard of it.
      await index.catchUp()
      ways = await this.#trueWays(ino)
      if (ways.length < expectedNames(node)) {
        const isScanned = await index.catchUpWholly()
        ways = await this.#trueWays(ino)
        complete = isScanned || ways.length >= expectedNames(node)
      }
    }
    return { view: await this.#viewOf(ino, node, ways), node, complete }
  }

  async #viewOf(ino: Ino, node: NodeRecord | null, ways: readonly Way[]): Promise<FileView> {
    const inode = inoText(ino)
    const length = node?.length ?? null
    const paths = ways.map(pathOf)
    if (ino === ROOT_INO) return { inode, paths: ['/'], state: 'live', length }
    if (ways.some(({ top }) => top === ROOT_INO)) return { inode, paths, state: 'live', length }
    const until = ways
      .map((way) => trashEnd(way, this.#parts.setting.TrashDays))
      .filter((ms) => ms !== undefined)
    if (until.length > 0) return { inode, paths, state: 'trash', untilMs: Math.max(...until), length }
    return { inode, paths: [], state: await this.#unnamed(ino, node, ways), length }
  }

  async #trueWays(ino: Ino): Promise<readonly Way[]> {
    const { engine, index } = this.#parts
    const ways = index.file.namesOf(ino, MOST_NAMES).map((name) => wayOf(index.file, name))
    const steps = [...new Set(ways.flatMap((way) => way.steps))]
    const edges = await engine.read(
      steps.map(({ parent, name }) => ({ kind: 'edge', parent, name }) as const),
      'fresh',
    )
    const wrong = new Set(steps.filter((step, k) => (edges[k] as Edge | null)?.ino !== step.ino))
    return ways.filter((way) => !way.steps.some((step) => wrong.has(step)))
  }

  /** No way leads to it from the root or the trash. */
  async #unnamed(ino: Ino, node: NodeRecord | null, ways: readonly Way[]): Promise<InodeState> {
    const { engine } = this.#parts
    if (node === null) {
      for await (const deleted of pages(engine, { kind: 'deletedFiles' }))
        if (deleted.ino === ino) return 'deleted'
      return 'unnamed'
    }
    for await (const { sid } of pages(engine, { kind: 'sessions' }))
      for await (const sustained of pages(engine, { kind: 'sustained', sid }))
        if (sustained === ino) return 'sustained'
    const tops = new Set([ino, ...ways.map(({ top }) => top)])
    for await (const detached of pages(engine, { kind: 'detached' }))
      if (tops.has(detached.ino)) return 'detached'
    return 'unnamed'
  }
}

/** Directories have one name whatever their link count. */
function expectedNames(node: NodeRecord): number {
  return node.type === TYPE_DIRECTORY ? 1 : Math.min(node.nlink, MOST_NAMES)
}

export function wayOf(file: IndexedVolume['index']['file'], name: IndexedName): Way {
  const steps = [name]
  let top = name.parent
  while (top !== ROOT_INO && top !== TRASH_INO && steps.length < MOST_LEVELS) {
    const [above] = file.namesOf(top, 1)
    if (above === undefined) break
    steps.unshift(above)
    top = above.parent
  }
  return { steps, top }
}

/** A path by the index alone, not checked; undefined for an inode without a name. */
export function indexedPath(file: IndexedVolume['index']['file'], ino: Ino): string | undefined {
  const [name] = file.namesOf(ino, 1)
  return name && pathOf(wayOf(file, name))
}

function pathOf({ steps, top }: Way): string {
  const start = top === TRASH_INO ? [TRASH_NAME as Name] : []
  return `/${[...start, ...steps.map(({ name }) => name)].map(nameToText).join('/')}`
}

/** When the trash is emptied of what is there; undefined when it is not in the trash. */
function trashEnd({ steps, top }: Way, trashDays: number): number | undefined {
  if (top !== TRASH_INO) return undefined
  const start = hourStart(steps[0]!.name)
  return start === undefined ? 0 : start * 1000 + (24 * trashDays + TRASH_REST_HOURS) * HOUR_MS
}
