/**
 * From libfuse's paths to inodes: each operation walks its path from the root by `lookup`, holds what it found for as
 * long as it runs, and gives the lookup counts back. What is held longer (an open file) keeps its own count.
 */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { type Name, nameFromText } from '#core/base/name.ts'
import type { AttrReply, FileSystem } from '../filesystem.ts'

/** A parent directory and the name in it. */
export interface Place {
  readonly parent: Ino
  readonly name: Name
}

export class Paths {
  readonly #fs: FileSystem
  readonly #ctx: OpContext

  constructor(fs: FileSystem, ctx: OpContext) {
    this.#fs = fs
    this.#ctx = ctx
  }

  /** Run `work` on the inode at `path`. Errors: ENOENT, ENOTDIR, and those of `work`. */
  async at<T>(path: string, work: (ino: Ino) => Promise<T>): Promise<T> {
    const ino = await this.#walk(names(path))
    try {
      return await work(ino)
    } finally {
      this.giveBack(ino)
    }
  }

  /** Run `work` on the directory that holds the last name of `path`. */
  async in<T>(path: string, work: (place: Place) => Promise<T>): Promise<T> {
    const all = names(path)
    const name = all.pop()
    if (name === undefined) throw fail(ENOENT, 'lookup', 'the root has no name')
    const parent = await this.#walk(all)
    try {
      return await work({ parent, name })
    } finally {
      this.giveBack(parent)
    }
  }

  /** The inode at `path`, with one lookup count for the caller to give back. */
  hold(path: string): Promise<Ino> {
    return this.#walk(names(path))
  }

  /** Attributes as the last `lookup` of the walk told them: no second question. */
  async attributes(path: string): Promise<AttrReply> {
    const all = names(path)
    const name = all.pop()
    if (name === undefined) return this.#fs.getattr(this.#ctx, ROOT_INO, undefined)
    const parent = await this.#walk(all)
    try {
      const entry = await this.#step(parent, name)
      this.giveBack(entry.ino)
      return entry
    } finally {
      this.giveBack(parent)
    }
  }

  giveBack(ino: Ino): void {
    if (ino !== ROOT_INO) this.#fs.forget(ino, 1)
  }

  async #walk(all: readonly Name[]): Promise<Ino> {
    let ino = ROOT_INO
    for (const name of all) {
      const parent = ino
      try {
        ino = (await this.#step(parent, name)).ino
      } finally {
        this.giveBack(parent)
      }
    }
    return ino
  }

  async #step(parent: Ino, name: Name) {
    const entry = await this.#fs.lookup(this.#ctx, parent, name)
    if (entry === undefined || entry.ino === 0) throw fail(ENOENT, 'lookup')
    return entry
  }
}

/** `/a/b` is a and b; `/` is none. */
function names(path: string): Name[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .map(nameFromText)
}
