/**
 * Open files, directories and virtual files by handle number. Numbers count up from 1 and are never used again.
 */
import { EBADF, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { O_ACCMODE, O_WRONLY, writes } from '#core/base/open-flags.ts'
import type { DirStream } from './dir-stream.ts'
import type { OpenNode } from './nodes.ts'
import { Readahead } from './readahead.ts'
import type { VirtualFile } from './virtual-files.ts'

export class FileHandle {
  readonly kind = 'file'
  readonly fh: number
  readonly node: OpenNode
  readonly flags: number
  readonly readahead = new Readahead()
  /** A BSD lock may be held through this handle. */
  usedFlock = false
  /** Owners that took POSIX or OFD locks through this handle and did not flush since. */
  lockOwners: Set<bigint> | undefined
  /** A lock taken through this handle was lost: it is EIO until it is unlocked. */
  lockLost = false
  /** The kernel could not read the cache file that the last reply named: answer with bytes. */
  refusedFile = false

  constructor(fh: number, node: OpenNode, flags: number) {
    this.fh = fh
    this.node = node
    this.flags = flags
  }

  get ino(): Ino {
    return this.node.ino
  }

  get mayHoldLocks(): boolean {
    return this.usedFlock || (this.lockOwners?.size ?? 0) > 0
  }

  get readable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY
  }

  get writable(): boolean {
    return writes(this.flags)
  }
}

export class DirHandle {
  readonly kind = 'dir'
  readonly fh: number
  readonly ino: Ino
  readonly stream: DirStream

  constructor(fh: number, ino: Ino, stream: DirStream) {
    this.fh = fh
    this.ino = ino
    this.stream = stream
  }
}

export class VirtualHandle {
  readonly kind = 'virtual'
  readonly fh: number
  readonly ino: Ino
  readonly file: VirtualFile

  constructor(fh: number, ino: Ino, file: VirtualFile) {
    this.fh = fh
    this.ino = ino
    this.file = file
  }
}

export type Handle = FileHandle | DirHandle | VirtualHandle

export class HandleTable {
  readonly #handles = new Map<number, Handle>()
  #next = 1

  get size(): number {
    return this.#handles.size
  }

  all(): IterableIterator<Handle> {
    return this.#handles.values()
  }

  /** Enter what `make` builds for the next number. */
  add<H extends Handle>(make: (fh: number) => H): H {
    const handle = make(this.#next++)
    this.#handles.set(handle.fh, handle)
    return handle
  }

  get(fh: number): Handle | undefined {
    return this.#handles.get(fh)
  }

  /** Errors: EBADF, also for a directory or a virtual file. */
  file(op: string, fh: number): FileHandle {
    const handle = this.#handles.get(fh)
    if (handle instanceof FileHandle) return handle
    throw fail(EBADF, op, `handle ${fh}`)
  }

  dir(op: string, fh: number): DirHandle {
    const handle = this.#handles.get(fh)
    if (handle instanceof DirHandle) return handle
    throw fail(EBADF, op, `handle ${fh}`)
  }

  remove(fh: number): Handle | undefined {
    const handle = this.#handles.get(fh)
    this.#handles.delete(fh)
    return handle
  }
}
