/**
 * The operations that fuse-native calls, by path, answered by a `FileSystem`, which knows inodes and handles.
 * Each ends in exactly one call of its callback: a negative errno, or 0 or a count and the values.
 */
import { read as readFile } from 'node:fs'
import { constants } from 'node:os'
import { promisify } from 'node:util'
import type { OpContext } from '#core/base/context.ts'
import * as errnos from '#core/base/errno.ts'
import { EBADF, EIO, EOPNOTSUPP, FsError, fail, toErrno } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { nameFromText, nameToBytes, nameToText } from '#core/base/name.ts'
import { O_CREAT, O_RDWR } from '#core/base/open-flags.ts'
import type { FileSystem, SetattrRequest } from '../filesystem.ts'
import { type NativeStat, nativeStat, nativeStatfs } from './attributes.ts'
import { Paths } from './paths.ts'

/** `result` is a negative errno, or 0 or a count of bytes. */
export type Answer<T extends readonly unknown[] = []> = (result: number, ...values: Partial<T>) => void

export interface OperationGauges {
  readonly inFlight: number
  readonly served: number
  readonly openFiles: number
}

interface OpenFile {
  readonly ino: Ino
  readonly fh: number
}

/** uid_t and gid_t of chown(2) that mean "leave it". */
const UNCHANGED = 0xffffffff
/** Hint for one turn of a listing; the list is made whole. */
const LISTING_BYTES = 64 * 1024
const XATTR_LIST_MAX = 65_536

const readAt = promisify(readFile)

export class NativeOperations {
  readonly #fs: FileSystem
  readonly #ctx: OpContext
  readonly #paths: Paths
  readonly #log: Log
  readonly #files = new Map<number, OpenFile>()
  #nextFd = 1
  #inFlight = 0
  #served = 0

  constructor(fs: FileSystem, ctx: OpContext, log: Log) {
    this.#fs = fs
    this.#ctx = ctx
    this.#paths = new Paths(fs, ctx)
    this.#log = log
  }

  gauges(): OperationGauges {
    return { inFlight: this.#inFlight, served: this.#served, openFiles: this.#files.size }
  }

  getattr = (path: string, done: Answer<[NativeStat]>): void =>
    this.#answer('getattr', done, async () => nativeStat((await this.#paths.attributes(path)).attr))

  /** The library asks by path here too (its own `fgetattr` never passes the handle on). */
  fgetattr = (path: string, _fd: number, done: Answer<[NativeStat]>): void => this.getattr(path, done)

  statfs = (path: string, done: Answer<[object]>): void =>
    this.#answer('statfs', done, () =>
      this.#paths.at(path, async (ino) => nativeStatfs(await this.#fs.statfs(this.#ctx, ino))),
    )

  readdir = (path: string, done: Answer<[string[], Pick<NativeStat, 'mode'>[]]>): void =>
    this.#answers('readdir', done, () => this.#paths.at(path, (ino) => this.#list(ino)))

  readlink = (path: string, done: Answer<[string]>): void =>
    this.#answer('readlink', done, () =>
      this.#paths.at(path, async (ino) =>
        Buffer.from(await this.#fs.readlink(this.#ctx, ino)).toString('utf8'),
      ),
    )

  mkdir = (path: string, mode: number, done: Answer): void =>
    this.#make('mkdir', path, done, (parent, name) => this.#fs.mkdir(this.#ctx, parent, name, mode))

  mknod = (path: string, mode: number, rdev: number, done: Answer): void =>
    this.#make('mknod', path, done, (parent, name) => this.#fs.mknod(this.#ctx, parent, name, mode, rdev))

  symlink = (target: string, path: string, done: Answer): void =>
    this.#make('symlink', path, done, (parent, name) =>
      this.#fs.symlink(this.#ctx, parent, name, nameFromText(target)),
    )

  link = (from: string, to: string, done: Answer): void =>
    this.#answer('link', done, () =>
      this.#paths.at(from, (ino) =>
        this.#paths.in(to, async ({ parent, name }) => {
          this.#paths.giveBack((await this.#fs.link(this.#ctx, ino, parent, name)).ino)
        }),
      ),
    )

  unlink = (path: string, done: Answer): void =>
    this.#answer('unlink', done, () =>
      this.#paths.in(path, ({ parent, name }) => this.#fs.unlink(this.#ctx, parent, name)),
    )

  rmdir = (path: string, done: Answer): void =>
    this.#answer('rmdir', done, () =>
      this.#paths.in(path, ({ parent, name }) => this.#fs.rmdir(this.#ctx, parent, name)),
    )

  rename = (from: string, to: string, done: Answer): void =>
    this.#answer('rename', done, () =>
      this.#paths.in(from, (source) =>
        this.#paths.in(to, (target) =>
          this.#fs.rename(this.#ctx, source.parent, source.name, target.parent, target.name, 0),
        ),
      ),
    )

  chmod = (path: string, mode: number, done: Answer): void => this.#change('chmod', path, { mode }, done)

  chown = (path: string, uid: number, gid: number, done: Answer): void =>
    this.#change('chown', path, { ...given('uid', uid), ...given('gid', gid) }, done)

  truncate = (path: string, size: number, done: Answer): void =>
    this.#change('truncate', path, { size }, done)

  ftruncate = (_path: string, fd: number, size: number, done: Answer): void =>
    this.#answer('truncate', done, async () => {
      const { ino, fh } = this.#file(fd)
      await this.#fs.setattr(this.#ctx, ino, { size, fh, killSuidgid: false })
    })

  /** Milliseconds. */
  utimens = (path: string, atimeMs: number, mtimeMs: number, done: Answer): void =>
    this.#change('utimens', path, { atime: timeOf(atimeMs), mtime: timeOf(mtimeMs) }, done)

  open = (path: string, flags: number, done: Answer<[number]>): void =>
    this.#answer('open', done, async () => {
      const ino = await this.#paths.hold(path)
      try {
        const { fh } = await this.#fs.open(this.#ctx, ino, flags)
        return this.#opened(ino, fh)
      } catch (error) {
        this.#paths.giveBack(ino)
        throw error
      }
    })

  /** How the file is opened is not told: the kernel has checked it, so both reading and writing are allowed. */
  create = (path: string, mode: number, done: Answer<[number]>): void =>
    this.#answer('create', done, () =>
      this.#paths.in(path, async ({ parent, name }) => {
        const { entry, open } = await this.#fs.create(this.#ctx, parent, name, mode, O_RDWR | O_CREAT)
        return this.#opened(entry.ino, open.fh)
      }),
    )

  /** `buffer` is the library's memory, good until the answer. */
  read = (_path: string, fd: number, buffer: Buffer, length: number, offset: number, done: Answer): void =>
    this.#count('read', done, () => this.#read(this.#file(fd), buffer, length, offset))

  write = (_path: string, fd: number, buffer: Buffer, length: number, offset: number, done: Answer): void =>
    this.#count('write', done, async () => {
      const { ino, fh } = this.#file(fd)
      return this.#fs.write(this.#ctx, ino, fh, offset, buffer.subarray(0, length), false)
    })

  flush = (_path: string, fd: number, done: Answer): void =>
    this.#answer('flush', done, async () => {
      const { ino, fh } = this.#file(fd)
      await this.#fs.flush(this.#ctx, ino, fh, 0n)
    })

  fsync = (_path: string, dataOnly: boolean, fd: number, done: Answer): void =>
    this.#answer('fsync', done, async () => {
      const { ino, fh } = this.#file(fd)
      await this.#fs.fsync(this.#ctx, ino, fh, dataOnly)
    })

  release = (_path: string, fd: number, done: Answer): void =>
    this.#answer('release', done, async () => {
      const { ino, fh } = this.#file(fd)
      this.#files.delete(fd)
      try {
        await this.#fs.release(this.#ctx, ino, fh, undefined)
      } finally {
        this.#paths.giveBack(ino)
      }
    })

  /** Directories are opened for the moment: the library passes no handle to `readdir`. */
  fsyncdir = (path: string, dataOnly: boolean, _fd: number, done: Answer): void =>
    this.#answer('fsyncdir', done, () =>
      this.#paths.at(path, (ino) =>
        this.#withDirectory(ino, (fh) => this.#fs.fsyncdir(this.#ctx, ino, fh, dataOnly)),
      ),
    )

  setxattr = (
    path: string,
    name: string,
    value: Buffer,
    _position: number,
    flags: number,
    done: Answer,
  ): void =>
    this.#answer('setxattr', done, () => {
      const bytes = Buffer.from(value)
      return this.#paths.at(path, (ino) =>
        this.#fs.setxattr(this.#ctx, ino, nameFromText(name), bytes, flags, false),
      )
    })

  getxattr = (path: string, name: string, _position: number, done: Answer<[Buffer]>): void =>
    this.#answer('getxattr', done, () =>
      this.#paths.at(path, async (ino) => {
        if (name.startsWith('system.posix_acl_')) throw fail(EOPNOTSUPP, 'getxattr')
        return Buffer.from(await this.#fs.getxattr(this.#ctx, ino, nameFromText(name)))
      }),
    )

  /** Each name with a zero byte behind it. */
  listxattr = (path: string, done: Answer<[Buffer]>): void =>
    this.#answer('listxattr', done, () =>
      this.#paths.at(path, async (ino) => {
        const names = await this.#fs.listxattr(this.#ctx, ino)
        const list = Buffer.concat(names.flatMap((name) => [nameToBytes(name), Buffer.alloc(1)]))
        return list.subarray(0, XATTR_LIST_MAX)
      }),
    )

  removexattr = (path: string, name: string, done: Answer): void =>
    this.#answer('removexattr', done, () =>
      this.#paths.at(path, (ino) => this.#fs.removexattr(this.#ctx, ino, nameFromText(name))),
    )

  async #list(ino: Ino): Promise<[string[], Pick<NativeStat, 'mode'>[]]> {
    const names: string[] = []
    const stats: Pick<NativeStat, 'mode'>[] = []
    await this.#withDirectory(ino, async (fh) => {
      for (let offset = 0, before = -1; before < names.length; ) {
        before = names.length
        const add = (name: string, _ino: Ino, type: number, next: number): boolean => {
          names.push(nameToText(name))
          stats.push({ mode: type << 12 })
          offset = next
          return true
        }
        const sink = { add, addPlus: () => false }
        await this.#fs.readdir(this.#ctx, ino, fh, offset, LISTING_BYTES, sink, false)
      }
    })
    return [names, stats]
  }

  async #withDirectory<T>(ino: Ino, work: (fh: number) => Promise<T>): Promise<T> {
    const { fh } = await this.#fs.opendir(this.#ctx, ino, 0)
    try {
      return await work(fh)
    } finally {
      await this.#fs.releasedir(this.#ctx, ino, fh)
    }
  }

  async #read({ ino, fh }: OpenFile, buffer: Buffer, length: number, offset: number): Promise<number> {
    for (let again = true; ; again = false) {
      const reply = await this.#fs.read(this.#ctx, ino, fh, offset, length)
      if (reply.kind === 'bytes') {
        let at = 0
        for (const part of reply.parts) {
          buffer.set(part, at)
          at += part.length
        }
        reply.done?.()
        return at
      }
      const got = await readAt(reply.fd, buffer, 0, reply.length, reply.offset).catch(() => undefined)
      const ok = got?.bytesRead === reply.length
      reply.done(ok)
      if (ok) return reply.length
      if (!again) throw fail(EIO, 'read', `ino ${ino}: the cached block cannot be read`)
    }
  }

  #change(op: string, path: string, change: Omit<SetattrRequest, 'killSuidgid'>, done: Answer): void {
    this.#answer(op, done, () =>
      this.#paths.at(path, async (ino) => {
        await this.#fs.setattr(this.#ctx, ino, { ...change, killSuidgid: false })
      }),
    )
  }

  #make(
    op: string,
    path: string,
    done: Answer,
    make: (parent: Ino, name: string) => Promise<{ readonly ino: Ino }>,
  ): void {
    this.#answer(op, done, () =>
      this.#paths.in(path, async ({ parent, name }) => this.#paths.giveBack((await make(parent, name)).ino)),
    )
  }

  #opened(ino: Ino, fh: number): number {
    const fd = this.#nextFd
    do this.#nextFd = this.#nextFd === 0x7fffffff ? 1 : this.#nextFd + 1
    while (this.#files.has(this.#nextFd))
    this.#files.set(fd, { ino, fh })
    return fd
  }

  #file(fd: number): OpenFile {
    const file = this.#files.get(fd)
    if (file === undefined) throw fail(EBADF, 'handle', String(fd))
    return file
  }

  /** 0 and one value. */
  #answer<T>(op: string, done: Answer<[T]>, work: () => Promise<T>): void {
    this.#run(op, done, async () => {
      const value = await work()
      return () => done(0, value)
    })
  }

  /** 0 and several values. */
  #answers<T extends readonly unknown[]>(op: string, done: Answer<T>, work: () => Promise<T>): void {
    this.#run(op, done as unknown as Answer, async () => {
      const values = await work()
      return () => (done as (result: number, ...values: readonly unknown[]) => void)(0, ...values)
    })
  }

  /** A count of bytes. */
  #count(op: string, done: Answer, work: () => Promise<number>): void {
    this.#run(op, done, async () => {
      const count = await work()
      return () => done(count)
    })
  }

  /** The one place where an error becomes an errno. */
  #run(op: string, done: Answer<never[]>, work: () => Promise<() => void>): void {
    this.#inFlight++
    work()
      .then(
        (answer) => answer,
        (error: unknown) => {
          const errno = toErrno(error)
          if (!(error instanceof FsError)) this.#log.error(`${op} failed`, { error })
          return () => done(-native(errno))
        },
      )
      .then((answer) => {
        this.#inFlight--
        this.#served++
        answer()
      })
      .catch((error: unknown) => this.#log.error(`${op}: the answer was not taken`, { error }))
  }
}

/** Names of Linux's errnos, in which the file system answers. */
const NAMES = new Map(Object.entries(errnos).map(([name, value]) => [value as unknown, name]))

/** The number of this system for an errno. */
function native(errno: number): number {
  return (constants.errno as Readonly<Record<string, number>>)[NAMES.get(errno) ?? ''] ?? errno
}

function given(name: 'uid' | 'gid', id: number): Partial<SetattrRequest> {
  return id === UNCHANGED ? {} : { [name]: id }
}

function timeOf(ms: number): { sec: number; nsec: number } {
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 }
}
