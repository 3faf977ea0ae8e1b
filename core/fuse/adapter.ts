/**
 * A volume's files as the kernel wants them: attributes, time-outs, flags, and callers that are squashed.
 * Source: shared/spec/vfs-and-fuse.md §2.5, §3, §4.4, §4.5; fs-semantics.md §2.1.
 */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, ENOENT, EPERM, ESTALE, FsError, fail } from '#core/base/errno.ts'
import { type Ino, isTrash, isVirtual } from '#core/base/ino.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { type Name, nameToBytes } from '#core/base/name.ts'
import { O_APPEND, writes } from '#core/base/open-flags.ts'
import type { Trace } from '#core/base/trace.ts'
import type { LockType } from '#core/meta/api.ts'
import {
  type NodeRecord,
  type NodeType,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '#core/meta/records.ts'
import type { DirEntry, SetattrChange, Vfs } from '#core/vfs/vfs.ts'
import { withAccessLog } from './access-lines.ts'
import type {
  AttrReply,
  DirSink,
  EntryReply,
  FileAttr,
  FileLock,
  FileSystem,
  IoctlReply,
  KernelNotifier,
  OpenReply,
  ReadReply,
  SetattrRequest,
  StatfsReply,
} from './filesystem.ts'
import { KernelNodes } from './kernel-nodes.ts'
import { withTrace } from './traced.ts'

export interface Squash {
  readonly uid: number
  readonly gid: number
}

export interface AdapterOptions {
  /** Seconds that the kernel may keep names of files, names of directories, attributes, and absent names. */
  readonly entryTtl: number
  readonly dirEntryTtl: number
  readonly attrTtl: number
  readonly negativeTtl: number
  /** The kernel may keep listings as long as a directory's attributes. */
  readonly readdirCache: boolean
  /** Replaces the caller's umask. */
  readonly umask?: number
  /** Who uid 0, or everybody, becomes; such callers are checked by us. */
  readonly rootSquash?: Squash
  readonly allSquash?: Squash
  /** Gauge of inodes that the kernel knows. */
  readonly metrics?: Metrics
  /** Told of every operation. */
  readonly trace?: Trace
}

const DEFAULTS: AdapterOptions = {
  entryTtl: 1,
  dirEntryTtl: 1,
  attrTtl: 1,
  negativeTtl: 0,
  readdirCache: false,
}

/** Source: include/uapi/linux/fuse.h. */
const FOPEN_DIRECT_IO = 1
const FOPEN_KEEP_CACHE = 2
const FOPEN_CACHE_DIR = 8

const VIRTUAL_TTL = 3600
const BLKSIZE = 65_536
const STATFS_BLOCK = 4096
/** Bytes of a READDIRPLUS entry without its name, and of a name as they commonly are. */
const PLUS_ENTRY_BYTES = 152
const COMMON_NAME_BYTES = 16

/** S_IFMT bits by our type codes, in units of 0o10000. */
const FORMATS = [0, 0o10, 0o04, 0o12, 0o01, 0o06, 0o02, 0o14]

export function fuseFileSystem(vfs: Vfs, options: Partial<AdapterOptions> = {}): FileSystem {
  const fs = new VfsFileSystem(vfs, { ...DEFAULTS, ...options })
  const logged = withAccessLog(fs, vfs.accessLog, vfs.clock)
  return options.trace === undefined ? logged : withTrace(logged, options.trace)
}

class VfsFileSystem implements FileSystem {
  /** Writes clear suid and sgid here, which saves the kernel a GETXATTR before each. */
  readonly handlesKillpriv = true
  readonly #vfs: Vfs
  readonly #options: AdapterOptions
  readonly #kernel = new KernelNodes()
  readonly #plain: boolean
  #notify: KernelNotifier | undefined
  /** Opens of files, and those after which the kernel may answer reads from pages it kept. */
  #opens = 0
  #keptOpens = 0

  constructor(vfs: Vfs, options: AdapterOptions) {
    this.#vfs = vfs
    this.#options = options
    const { umask, rootSquash, allSquash } = options
    vfs.rememberRemoved((ino) => this.#kernel.has(ino))
    this.#plain = umask === undefined && rootSquash === undefined && allSquash === undefined
    options.metrics?.gauge('fuse_kernel_inodes', () => this.#kernel.size)
    options.metrics?.gauge('fuse_opens', () => this.#opens)
    options.metrics?.gauge('fuse_opens_kept', () => this.#keptOpens)
  }

  started(notify: KernelNotifier): void {
    this.#notify = notify
    this.#vfs.onRemoteChange((ino) => notify.invalInode(ino, 0, 0, this.#kernel.noticing(ino)))
    this.#vfs.onRemoteAttributes((ino) => {
      if (this.#kernel.has(ino)) notify.invalInode(ino, -1, 0, this.#kernel.noticing(ino))
    })
    this.#vfs.onEntryGone((parent, name) => notify.invalEntry(parent, name))
  }

  destroyed(): void {
    this.#notify = undefined
    this.#kernel.clear()
    this.#vfs.forgotAll()
    this.#vfs.onRemoteChange(() => {})
    this.#vfs.onRemoteAttributes(() => {})
    this.#vfs.onEntryGone(() => {})
  }

  async lookup(ctx: OpContext, parent: Ino, name: Name): Promise<EntryReply | undefined> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const found = await this.#vfs.lookup(this.#as(ctx), parent, name)
    if (found !== undefined) return this.#entry(found.ino, found.node, since, began)
    return this.#options.negativeTtl > 0 ? absent(this.#options.negativeTtl) : undefined
  }

  forget(ino: Ino, n: number): void {
    if (this.#kernel.forget(ino, n)) this.#vfs.forgotten(ino)
  }

  async getattr(ctx: OpContext, ino: Ino): Promise<AttrReply> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const record = await this.#vfs.getattr(this.#as(ctx), ino)
    return this.#attrReply(ino, record, since, began)
  }

  async setattr(ctx: OpContext, ino: Ino, request: SetattrRequest): Promise<AttrReply> {
    const { mode, fh, ctime: _, ...rest } = request
    const change: SetattrChange = mode === undefined ? rest : { ...rest, mode: mode & 0o7777 }
    const began = this.#kernel.notices
    let record: NodeRecord
    try {
      record = await this.#vfs.setattr(this.#as(ctx), ino, change, fh)
    } catch (error) {
      throw fh === undefined ? await this.#staleOr(error, ctx, ino) : error
    }
    return this.#attrReply(ino, record, this.#vfs.sequence, began)
  }

  readlink(ctx: OpContext, ino: Ino): Promise<Uint8Array> {
    return this.#vfs.readlink(this.#as(ctx), ino)
  }

  async symlink(ctx: OpContext, parent: Ino, name: Name, target: Name): Promise<EntryReply> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const what = { type: TYPE_SYMLINK, mode: 0o777, target: nameToBytes(target) } as const
    const { ino, node } = await this.#vfs.mknod(this.#as(ctx), parent, name, what)
    return this.#entry(ino, node, since, began)
  }

  async mknod(ctx: OpContext, parent: Ino, name: Name, mode: number, rdev: number): Promise<EntryReply> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const type = typeOf(mode)
    const { ino, node } = await this.#vfs.mknod(this.#as(ctx), parent, name, {
      type,
      mode: mode & 0o7777,
      rdev,
    })
    return this.#entry(ino, node, since, began)
  }

  async mkdir(ctx: OpContext, parent: Ino, name: Name, mode: number): Promise<EntryReply> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const what = { type: TYPE_DIRECTORY, mode: mode & 0o7777 } as const
    const { ino, node } = await this.#vfs.mknod(this.#as(ctx), parent, name, what)
    return this.#entry(ino, node, since, began)
  }

  async unlink(ctx: OpContext, parent: Ino, name: Name): Promise<void> {
    await this.#vfs.unlink(this.#as(ctx), parent, name)
  }

  async rmdir(ctx: OpContext, parent: Ino, name: Name): Promise<void> {
    await this.#vfs.rmdir(this.#as(ctx), parent, name)
  }

  async rename(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    toParent: Ino,
    toName: Name,
    flags: number,
  ): Promise<void> {
    await this.#vfs.rename(this.#as(ctx), parent, name, toParent, toName, flags)
  }

  async link(ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<EntryReply> {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    return this.#entry(ino, await this.#vfs.link(this.#as(ctx), ino, parent, name), since, began)
  }

  async open(ctx: OpContext, ino: Ino, flags: number): Promise<OpenReply> {
    const { fh, keepCache, direct, node } = await this.#openFile(ctx, ino, flags)
    if ((flags & O_APPEND) !== 0 && writes(flags) && !this.#kernel.appendsAt(ino, node.length)) {
      // The kernel appends at the length it knows and asks nobody; looking the name up again tells it the new one, if
      // it looks after the notices on their way to it. Those may wait for reads under way, and never for an open.
      await this.#vfs.release(fh)
      await this.#kernel.noticed(ino)
      throw fail(ESTALE, 'open', `ino ${ino} has grown elsewhere`)
    }
    if (direct) return { fh, flags: FOPEN_DIRECT_IO }
    // Close-to-open: the kernel may hold attributes from before another client's close.
    if (!this.#kernel.isCurrent(ino, node)) await this.#dropAttributes(ino)
    this.#opens++
    if (keepCache) this.#keptOpens++
    return { fh, flags: keepCache ? FOPEN_KEEP_CACHE : 0 }
  }

  async #dropAttributes(ino: Ino): Promise<void> {
    const arrived = this.#kernel.noticing(ino)
    await this.#notify?.dropAttributes(ino)
    arrived()
  }

  async #openFile(ctx: OpContext, ino: Ino, flags: number) {
    try {
      return await this.#vfs.open(this.#as(ctx), ino, flags)
    } catch (error) {
      throw await this.#staleOr(error, ctx, ino)
    }
  }

  /**
   * What another client removed, or moved to the trash, while the kernel trusts the name it knows is stale: on
   * that errno the kernel looks the name up again and goes on with what it finds (fs/namei.c `do_filp_open`,
   * `retry_estale`).
   */
  async #staleOr(error: unknown, ctx: OpContext, ino: Ino): Promise<unknown> {
    if (!(error instanceof FsError)) return error
    if (error.errno === EPERM) {
      const node = await this.#vfs.getattr(this.#as(ctx), ino).catch(() => undefined)
      if (node === undefined || !isTrash(node.parent) || this.#kernel.metInTrash(ino)) return error
    } else if (error.errno !== ENOENT) return error
    return fail(ESTALE, 'open', `ino ${ino} lost the name the kernel knows`)
  }

  async create(ctx: OpContext, parent: Ino, name: Name, mode: number, flags: number) {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const made = await this.#vfs.create(this.#as(ctx), parent, name, mode & 0o7777, flags)
    return { entry: this.#entry(made.ino, made.node, since, began), open: { fh: made.fh, flags: 0 } }
  }

  async tmpfile(ctx: OpContext, parent: Ino, mode: number, flags: number) {
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    const made = await this.#vfs.tmpfile(this.#as(ctx), parent, mode & 0o7777, flags)
    return { entry: this.#entry(made.ino, made.node, since, began), open: { fh: made.fh, flags: 0 } }
  }

  /** @hot */
  async read(ctx: OpContext, _ino: Ino, fh: number, offset: number, size: number): Promise<ReadReply> {
    const result = await this.#vfs.read(this.#as(ctx), fh, offset, size)
    if (result.kind === 'bytes') return result
    const done = (ok: boolean): void => {
      result.done()
      if (!ok) this.#vfs.refuseFile(fh)
    }
    return { kind: 'file', fd: result.fd, offset: result.offset, length: result.length, done }
  }

  /** @hot */
  write(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    data: Uint8Array,
    killSuidgid: boolean,
  ): Promise<number> {
    this.#kernel.wrote(ino, offset + data.length)
    return this.#vfs.write(this.#as(ctx), fh, offset, data, killSuidgid)
  }

  flush(ctx: OpContext, _ino: Ino, fh: number, lockOwner: bigint): Promise<void> {
    return this.#vfs.flush(this.#as(ctx), fh, lockOwner)
  }

  fsync(ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    return this.#vfs.fsync(this.#as(ctx), fh)
  }

  release(_ctx: OpContext, _ino: Ino, fh: number, flockOwner: bigint | undefined): Promise<void> {
    return this.#vfs.release(fh, flockOwner)
  }

  async opendir(ctx: OpContext, ino: Ino, flags: number): Promise<OpenReply> {
    const fh = await this.#vfs.opendir(this.#as(ctx), ino, flags)
    return { fh, flags: this.#options.readdirCache ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : 0 }
  }

  async readdir(
    ctx: OpContext,
    _ino: Ino,
    fh: number,
    offset: number,
    size: number,
    sink: DirSink,
    plus: boolean,
  ): Promise<void> {
    const want = Math.ceil(size / (PLUS_ENTRY_BYTES + COMMON_NAME_BYTES))
    const since = this.#vfs.sequence
    const began = this.#kernel.notices
    await this.#vfs.readdir(this.#as(ctx), fh, offset, want, plus, ({ name, ino, type, found, next }) => {
      if (!plus) return sink.add(name, ino, FORMATS[type]!, next)
      return this.#addPlus(sink, { name, ino, type, found, next }, since, began)
    })
  }

  #addPlus(sink: DirSink, { name, ino, type, found, next }: DirEntry, since: number, began: number): boolean {
    if (found === undefined) return sink.addPlus(name, nameOnly(ino, type), next)
    const record = this.#vfs.seen(ino, found.node)
    if (!sink.addPlus(name, this.#reply(ino, record, since), next)) return false
    this.#kernel.entered(ino, record, began)
    return true
  }

  releasedir(_ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    return this.#vfs.release(fh)
  }

  fsyncdir(_ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    return this.#vfs.fsyncdir(fh)
  }

  async statfs(ctx: OpContext, ino: Ino): Promise<StatfsReply> {
    const space = await this.#vfs.statfs(this.#as(ctx), ino)
    const available = Math.floor(space.availableSpace / STATFS_BLOCK)
    return {
      blocks: Math.max(1, Math.floor(space.totalSpace / STATFS_BLOCK)),
      bfree: available,
      bavail: available,
      files: space.usedInodes + space.availableInodes,
      ffree: space.availableInodes,
      bsize: STATFS_BLOCK,
      frsize: STATFS_BLOCK,
      namelen: 255,
    }
  }

  access(ctx: OpContext, ino: Ino, mask: number): Promise<void> {
    return this.#vfs.access(this.#as(ctx), ino, mask)
  }

  setxattr(ctx: OpContext, ino: Ino, name: Name, value: Uint8Array, flags: number): Promise<void> {
    return this.#vfs.setxattr(this.#as(ctx), ino, name, value, flags)
  }

  getxattr(ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array> {
    return this.#vfs.getxattr(this.#as(ctx), ino, name)
  }

  listxattr(ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
    return this.#vfs.listxattr(this.#as(ctx), ino)
  }

  removexattr(ctx: OpContext, ino: Ino, name: Name): Promise<void> {
    return this.#vfs.removexattr(this.#as(ctx), ino, name)
  }

  async getlk(ctx: OpContext, _ino: Ino, fh: number, owner: bigint, lock: FileLock): Promise<FileLock> {
    const asked = { ...lock, type: lockType(lock.type) }
    const found = await this.#vfs.getlk(this.#as(ctx), fh, owner, asked)
    return { ...found, type: LOCK_TYPES.indexOf(found.type) }
  }

  setlk(ctx: OpContext, _ino: Ino, fh: number, owner: bigint, lock: FileLock, wait: boolean): Promise<void> {
    return this.#vfs.setlk(this.#as(ctx), fh, owner, { ...lock, type: lockType(lock.type) }, wait)
  }

  flock(ctx: OpContext, _ino: Ino, fh: number, owner: bigint, type: number, wait: boolean): Promise<void> {
    return this.#vfs.flock(this.#as(ctx), fh, owner, lockType(type), wait)
  }

  fallocate(
    ctx: OpContext,
    _ino: Ino,
    fh: number,
    mode: number,
    offset: number,
    length: number,
  ): Promise<void> {
    return this.#vfs.fallocate(this.#as(ctx), fh, mode, offset, length)
  }

  lseek(ctx: OpContext, _ino: Ino, fh: number, offset: number, whence: number): Promise<number> {
    return this.#vfs.lseek(this.#as(ctx), fh, offset, whence)
  }

  copyFileRange(
    ctx: OpContext,
    _ino: Ino,
    fh: number,
    offset: number,
    _toIno: Ino,
    toFh: number,
    toOffset: number,
    length: number,
    flags: number,
  ): Promise<number> {
    const to = { fh: toFh, offset: toOffset }
    return this.#vfs.copyFileRange(this.#as(ctx), { fh, offset }, to, length, flags)
  }

  ioctl(
    ctx: OpContext,
    ino: Ino,
    _fh: number,
    command: number,
    input: Uint8Array,
    outSize: number,
  ): Promise<IoctlReply> {
    return this.#vfs.ioctl(this.#as(ctx), ino, command, input, outSize)
  }

  syncfs(ctx: OpContext): Promise<void> {
    return this.#vfs.syncfs(this.#as(ctx))
  }

  /** The caller as this mount sees it. */
  #as(ctx: OpContext): OpContext {
    if (this.#plain) return ctx
    const { umask, rootSquash, allSquash } = this.#options
    const squash = allSquash ?? (ctx.uid === 0 ? rootSquash : undefined)
    return new ChangedContext(ctx, umask ?? ctx.umask, squash)
  }

  /** An entry that the kernel will count. */
  #entry(ino: Ino, record: NodeRecord, since: number, began: number): EntryReply {
    this.#kernel.entered(ino, record, began)
    return this.#reply(ino, record, since)
  }

  #reply(ino: Ino, record: NodeRecord, since: number): EntryReply {
    const { entryTtl, dirEntryTtl } = this.#options
    return {
      ino,
      entryTtl: record.type === TYPE_DIRECTORY ? dirEntryTtl : entryTtl,
      attr: attrOf(ino, record),
      attrTtl: this.#attrTtl(ino, record, since),
    }
  }

  #attrReply(ino: Ino, record: NodeRecord, since: number, began: number): AttrReply {
    this.#kernel.told(ino, record, began)
    return { attr: attrOf(ino, record), attrTtl: this.#attrTtl(ino, record, since) }
  }

  /** None when the file changed while the answer was being made (§2.5). */
  #attrTtl(ino: Ino, record: NodeRecord, since: number): number {
    if (isVirtual(ino)) return VIRTUAL_TTL
    return record.type === TYPE_FILE && this.#vfs.changedSince(ino, since) ? 0 : this.#options.attrTtl
  }
}

/** Another identity or umask around the kernel's own context. */
class ChangedContext implements OpContext {
  readonly #ctx: OpContext
  readonly #squash: Squash | undefined
  readonly umask: number

  constructor(ctx: OpContext, umask: number, squash: Squash | undefined) {
    this.#ctx = ctx
    this.umask = umask
    this.#squash = squash
  }

  get uid(): number {
    return this.#squash?.uid ?? this.#ctx.uid
  }

  get gid(): number {
    return this.#squash?.gid ?? this.#ctx.gid
  }

  get pid(): number {
    return this.#ctx.pid
  }

  get checkPermission(): boolean {
    return this.#squash !== undefined || this.#ctx.checkPermission
  }

  get groups(): readonly number[] {
    return this.#squash === undefined ? this.#ctx.groups : [this.#squash.gid]
  }

  get interrupted(): boolean {
    return this.#ctx.interrupted
  }

  get signal(): AbortSignal {
    return this.#ctx.signal
  }
}

/** @hot */
function attrOf(ino: Ino, record: NodeRecord): FileAttr {
  const { type, length } = record
  const sized = type <= TYPE_SYMLINK
  return {
    ino,
    size: sized ? length : 0,
    blocks: sized ? Math.ceil(length / 512) : 0,
    atime: record.atime,
    atimeNsec: record.atimeNsec,
    mtime: record.mtime,
    mtimeNsec: record.mtimeNsec,
    ctime: record.ctime,
    ctimeNsec: record.ctimeNsec,
    mode: (FORMATS[type]! << 12) | record.mode,
    nlink: record.nlink,
    uid: record.uid,
    gid: record.gid,
    rdev: record.rdev,
    blksize: BLKSIZE,
  }
}

const NO_ATTR: FileAttr = {
  ino: 0,
  size: 0,
  blocks: 0,
  atime: 0,
  atimeNsec: 0,
  mtime: 0,
  mtimeNsec: 0,
  ctime: 0,
  ctimeNsec: 0,
  mode: 0,
  nlink: 0,
  uid: 0,
  gid: 0,
  rdev: 0,
  blksize: 0,
}

/** A name that nothing is said about: the kernel neither counts nor keeps it. */
function nameOnly(ino: Ino, type: number): EntryReply {
  return { ino: 0, entryTtl: 0, attrTtl: 0, attr: { ...NO_ATTR, ino, mode: FORMATS[type]! << 12 } }
}

function absent(ttl: number): EntryReply {
  return { ino: 0, entryTtl: ttl, attrTtl: 0, attr: NO_ATTR }
}

/** Our type code for S_IFMT bits; none means a regular file (mknod(2)). */
function typeOf(mode: number): NodeType {
  const format = (mode >>> 12) & 0o17
  if (format === 0) return TYPE_FILE
  const type = FORMATS.indexOf(format)
  if (type < 0) throw fail(EINVAL, 'mknod')
  return type as NodeType
}

/** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
const LOCK_TYPES: readonly LockType[] = ['R', 'W', 'U']

function lockType(type: number): LockType {
  const found = LOCK_TYPES[type]
  if (found === undefined) throw fail(EINVAL, 'setlk')
  return found
}
