/** Why an inode's data are kept, by the index alone: for answers about all of a volume. */
import { type Ino, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import type { IndexFile } from './index-file.ts'

/** Files and directories remembered; then the memory starts anew. */
const MOST_FILES = 10_000
const MOST_FOLDERS = 50_000
/** Deeper trees are taken for loops. */
const MOST_LEVELS = 1000

/** `gone`: sustained or deleted, its removal is due. `loose`: no way leads to it. */
export type IndexedState = 'live' | 'trash' | 'gone' | 'loose'

export class InodeStates {
  readonly #file: IndexFile
  readonly #states = new Map<Ino, IndexedState>()
  /** Of directories: where the way up ends. */
  readonly #tops = new Map<Ino, Ino>()

  constructor(file: IndexFile) {
    this.#file = file
  }

  of(ino: Ino): IndexedState {
    const known = this.#states.get(ino)
    if (known !== undefined) return known
    const state = this.#look(ino)
    if (this.#states.size >= MOST_FILES) this.#states.clear()
    this.#states.set(ino, state)
    return state
  }

  /** The directories above an inode by its first name that leads to the root or the trash; nearest first. */
  above(ino: Ino): readonly Ino[] {
    const names = this.#file.namesOf(ino, 100)
    const name =
      names.find(({ parent }) => this.#topOf(parent) === ROOT_INO) ??
      names.find(({ parent }) => this.#topOf(parent) === TRASH_INO)
    const above: Ino[] = []
    for (let at = name?.parent; at !== undefined && above.length < MOST_LEVELS; ) {
      above.push(at)
      if (at === ROOT_INO || at === TRASH_INO) break
      at = this.#file.namesOf(at, 1)[0]?.parent
    }
    return above
  }

  #look(ino: Ino): IndexedState {
    const node = this.#file.node(ino)
    if (node === undefined) return 'gone'
    const tops = new Set(this.#file.namesOf(ino, 100).map(({ parent }) => this.#topOf(parent)))
    if (tops.has(ROOT_INO) || ino === ROOT_INO) return 'live'
    if (tops.has(TRASH_INO)) return 'trash'
    return node.nlink === 0 && node.type !== TYPE_DIRECTORY ? 'gone' : 'loose'
  }

  #topOf(dir: Ino): Ino {
    const way: Ino[] = []
    let at = dir
    while (at !== ROOT_INO && at !== TRASH_INO && way.length < MOST_LEVELS) {
      const known = this.#tops.get(at)
      if (known !== undefined) {
        at = known
        break
      }
      way.push(at)
      const parent = this.#file.namesOf(at, 1)[0]?.parent
      if (parent === undefined) break
      at = parent
    }
    if (this.#tops.size >= MOST_FOLDERS) this.#tops.clear()
    for (const each of way) this.#tops.set(each, at)
    return at
  }
}
