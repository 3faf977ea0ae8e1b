/**
 * The lines of `.accesslog`: around every operation of a file system, made only while somebody reads the log.
 * Source of the layout: shared/spec/vfs-and-fuse.md §5.4.
 */
import { getSystemErrorMessage } from 'node:util'
import type { Clock, Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { toErrno } from '#core/base/errno.ts'
import { type Ino, inoText, isVirtual } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import type {
  AttrReply,
  DirSink,
  EntryReply,
  FileAttr,
  FileLock,
  FileSystem,
  OpenReply,
  ReadReply,
  SetattrRequest,
  StatfsReply,
} from './filesystem.ts'

/** Where lines go; not `active` when nobody reads them. */
export interface LineSink {
  readonly active: boolean
  add(line: string): void
}

type Operation = Exclude<
  keyof FileSystem,
  'handlesKillpriv' | 'started' | 'destroyed' | 'forget' | 'fsyncdir' | 'lseek' | 'syncfs'
>
type Arguments<K extends Operation> =
  Parameters<NonNullable<FileSystem[K]>> extends [OpContext, ...infer A] ? A : never
type Result<K extends Operation> = Awaited<ReturnType<NonNullable<FileSystem[K]>>>

/** How an operation is shown: its arguments, and what it answered (undefined when it failed). */
interface Form<K extends Operation> {
  readonly op?: string
  readonly args: (...args: Arguments<K>) => string
  readonly result?: (result: Result<K> | undefined, ...args: Arguments<K>) => string
  /** Asked by nobody in particular. */
  readonly nobody?: boolean
}

const FORMS: { readonly [K in Operation]: Form<K> } = {
  lookup: { args: (parent, name) => `(${inoText(parent)},${text(name)}):`, result: (entry) => node(entry) },
  getattr: { args: (ino) => `(${inoText(ino)}):`, result: (reply) => node(reply) },
  setattr: { args: (ino, change) => setattrText(ino, change), result: (reply) => node(reply) },
  readlink: {
    args: (ino) => `(${inoText(ino)}):`,
    result: (target) => (target ? ` (${text(Buffer.from(target).toString('latin1'))})` : ''),
  },
  symlink: {
    args: (parent, name, target) => `(${inoText(parent)},${text(name)},${text(target)}):`,
    result: (entry) => node(entry),
  },
  mknod: {
    args: (parent, name, mode, rdev) =>
      `(${inoText(parent)},${text(name)},${modeText(mode, 4)},0x${hex(rdev, 8)}):`,
    result: (entry) => node(entry),
  },
  mkdir: {
    args: (parent, name, mode) => `(${inoText(parent)},${text(name)},${modeText(mode, 4)}):`,
    result: (entry) => node(entry),
  },
  unlink: { args: (parent, name) => `(${inoText(parent)},${text(name)})` },
  rmdir: { args: (parent, name) => `(${inoText(parent)},${text(name)})` },
  rename: {
    args: (parent, name, toParent, toName, flags) =>
      `(${inoText(parent)},${text(name)},${inoText(toParent)},${text(toName)},${flags})`,
  },
  link: {
    args: (ino, parent, name) => `(${inoText(ino)},${inoText(parent)},${text(name)}):`,
    result: (entry) => node(entry),
  },
  open: { args: (ino, flags) => `(${inoText(ino)},0x${hex(flags, 1)})`, result: (reply) => handle(reply) },
  create: {
    args: (parent, name, mode) => `(${inoText(parent)},${text(name)},${modeText(mode, 4)}):`,
    result: (made) => `${node(made?.entry)}${handle(made?.open)}`,
  },
  tmpfile: {
    op: 'create',
    args: (parent, mode) => `(${inoText(parent)},,${modeText(mode, 4)}):`,
    result: (made) => `${node(made?.entry)}${handle(made?.open)}`,
  },
  read: {
    args: (ino, fh, offset, size) => `(${inoText(ino)},${size},${offset},${fh}):`,
    result: (reply, ino) => (isVirtual(ino) ? ` ${bytesOf(reply)}` : ` (${bytesOf(reply)})`),
  },
  write: { args: (ino, fh, offset, data) => `(${inoText(ino)},${data.length},${offset},${fh})` },
  flush: { args: (ino, fh, owner) => `(${inoText(ino)},${fh},${ownerText(owner)})` },
  fsync: { args: (ino, _fh, dataOnly) => `(${inoText(ino)},${dataOnly ? 1 : 0})` },
  release: { args: (ino, fh) => `(${inoText(ino)},${fh})`, nobody: true },
  opendir: { args: (ino) => `(${inoText(ino)})`, result: (reply) => handle(reply) },
  readdir: {
    args: (ino, _fh, offset, size, _sink, plus) => `(${inoText(ino)},${size},${offset},${plus}):`,
    result: (_, _ino, _fh, _offset, _size, sink) => ` (${(sink as CountingSink).count})`,
  },
  releasedir: { args: (ino) => `(${inoText(ino)})`, nobody: true },
  statfs: { args: (ino) => `(${inoText(ino)}):`, result: (reply) => spaceText(reply) },
  access: { args: (ino, mask) => `(${inoText(ino)},0x${hex(mask, 1)})` },
  setxattr: {
    args: (ino, name, value, flags) => `(${inoText(ino)},${text(name)},${value.length},${flags})`,
  },
  getxattr: {
    args: (ino, name) => `(${inoText(ino)},${text(name)},0):`,
    result: (value) => ` (${value?.length ?? 0})`,
  },
  listxattr: {
    args: (ino) => `(${inoText(ino)},0):`,
    result: (names) => ` (${names?.reduce((sum, name) => sum + name.length + 1, 0) ?? 0})`,
  },
  removexattr: { args: (ino, name) => `(${inoText(ino)},${text(name)})` },
  getlk: {
    args: (ino, fh, owner) => `(${inoText(ino)},${fh},${ownerText(owner)}):`,
    result: (lock) =>
      lock ? ` (${lock.start},${lock.end - lock.start + 1n},${lockName(lock)},${lock.pid})` : '',
  },
  setlk: {
    args: (ino, fh, owner, lock, wait) =>
      `(${inoText(ino)},${fh},${ownerText(owner)},${lock.start},${lock.end},${lockName(lock)},${wait},${lock.pid})`,
  },
  flock: {
    args: (ino, fh, owner, type, wait) =>
      `(${inoText(ino)},${fh},${ownerText(owner)},${['LOCKSH', 'LOCKEX', 'UNLOCK'][type]},${wait})`,
  },
  fallocate: { args: (ino, _fh, mode, offset, size) => `(${inoText(ino)},${mode},${offset},${size})` },
  copyFileRange: {
    op: 'copy_file_range',
    args: (ino, _fh, offset, to, _toFh, toOffset, size, flags) =>
      `(${inoText(ino)},${offset},${inoText(to)},${toOffset},${size},${flags})`,
  },
  ioctl: {
    args: (ino, _fh, command, input, outSize) =>
      `(${inoText(ino)},0x${hex(command, 1)},0x0,${input.length},${outSize})`,
  },
}

/** `fs` with every operation noted in `log` while that has readers. */
export function withAccessLog(fs: FileSystem, log: LineSink, clock: Clock): FileSystem {
  const logged: Record<string, unknown> = {
    handlesKillpriv: fs.handlesKillpriv,
    started: fs.started.bind(fs),
    destroyed: fs.destroyed.bind(fs),
    forget: fs.forget.bind(fs),
    fsyncdir: fs.fsyncdir.bind(fs),
    lseek: fs.lseek.bind(fs),
    syncfs: fs.syncfs.bind(fs),
  }
  for (const key of Object.keys(FORMS) as Operation[]) {
    if (fs[key] !== undefined) logged[key] = wrap(fs, key, log, clock)
  }
  return logged as unknown as FileSystem
}

type Method = (this: FileSystem, ctx: OpContext, ...args: readonly unknown[]) => Promise<unknown>

/** The parameters are spelled out so that a call nobody logs makes no array. */
function wrap(fs: FileSystem, key: Operation, log: LineSink, clock: Clock): Method {
  const method = fs[key] as Method
  const form = FORMS[key] as Form<Operation>
  return (ctx, a, b, c, d, e, f, g, h) => {
    if (!log.active) return method.call(fs, ctx, a, b, c, d, e, f, g, h)
    if ((key === 'lookup' && HIDDEN.has(b as Name)) || (key === 'getattr' && isVirtual(a as Ino))) {
      return method.call(fs, ctx, a, b, c, d, e, f, g, h)
    }
    const args = [a, b, c, d, e, f, g, h]
    if (key === 'readdir') args[4] = new CountingSink(args[4] as DirSink)
    return note(form, form.op ?? key, ctx, args, log, clock, method.call(fs, ctx, ...args))
  }
}

/** Looking at the mount's own files is not worth a line. */
const HIDDEN = new Set(
  ['accesslog', 'control', 'stats', 'config'].flatMap((name) => [`.${name}`, `.jfs.${name}`]),
)

async function note(
  form: Form<Operation>,
  op: string,
  ctx: OpContext,
  args: readonly unknown[],
  log: LineSink,
  clock: Clock,
  work: Promise<unknown>,
): Promise<unknown> {
  const started = clock.monotonicMs()
  // The context and what arguments view are another request's once the operation has ended.
  const who = form.nobody ? 'uid:0,gid:0,pid:0' : `uid:${ctx.uid},gid:${ctx.gid},pid:${ctx.pid}`
  const typed = args as never as Parameters<typeof form.args>
  const asked = form.args(...typed)
  const end = (result: unknown, status: string): void => {
    const answer = form.result?.(result as never, ...(typed as never as [never, never])) ?? ''
    const seconds = ((clock.monotonicMs() - started) / 1000).toFixed(6)
    log.add(`${stamp(clock.now())} [${who}] ${op} ${asked}${answer} - ${status} <${seconds}>\n`)
  }
  try {
    const result = await work
    if (op === 'lookup' && result === undefined) end(undefined, 'no such file or directory')
    else end(result, 'OK')
    return result
  } catch (error) {
    end(undefined, getSystemErrorMessage(-toErrno(error)))
    throw error
  }
}

class CountingSink implements DirSink {
  readonly #sink: DirSink
  count = 0

  constructor(sink: DirSink) {
    this.#sink = sink
  }

  add(name: Name, ino: Ino, type: number, next: number): boolean {
    const took = this.#sink.add(name, ino, type, next)
    if (took) this.count++
    return took
  }

  addPlus(name: Name, entry: EntryReply, next: number): boolean {
    const took = this.#sink.addPlus(name, entry, next)
    if (took) this.count++
    return took
  }
}

function stamp({ sec, nsec }: Time): string {
  const at = new Date(sec * 1000)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${at.getFullYear()}.${two(at.getMonth() + 1)}.${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return `${day} ${time}.${String(Math.floor(nsec / 1000)).padStart(6, '0')}`
}

/** Names with control characters or back-quotes are escaped as a quoted string is, without the quotes. */
function text(name: Name): string {
  const shown = nameToText(name)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f`]/.test(shown) ? JSON.stringify(shown).slice(1, -1) : shown
}

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(digits, '0')
}

function ownerText(owner: bigint): string {
  return owner.toString(16).toUpperCase().padStart(16, '0')
}

function lockName({ type }: FileLock): string {
  return 'RWU'[type] ?? '?'
}

function handle(reply: OpenReply | undefined): string {
  return reply === undefined ? '' : ` [fh:${reply.fh}]`
}

function bytesOf(reply: ReadReply | undefined): number {
  if (reply === undefined) return 0
  return reply.kind === 'file' ? reply.length : reply.parts.reduce((sum, part) => sum + part.length, 0)
}

function spaceText(reply: StatfsReply | undefined): string {
  if (reply === undefined) return ''
  const available = reply.bavail * reply.bsize
  return ` (${reply.blocks * reply.bsize - available},${available},${reply.files - reply.ffree},${reply.ffree})`
}

function node(reply: AttrReply | undefined): string {
  if (reply === undefined) return ''
  const a: FileAttr = reply.attr
  const fields = [modeText(a.mode, 6), a.nlink, a.uid, a.gid, a.atime, a.mtime, a.ctime, a.size]
  return ` (${inoText(a.ino)},[${fields.join()}])`
}

const TYPE_LETTERS: Readonly<Record<number, string>> = {
  12: 's',
  10: 'l',
  8: '-',
  6: 'b',
  4: 'd',
  2: 'c',
  1: 'f',
}

/** `-rw-r--r--:0100644`. */
function modeText(mode: number, digits: number): string {
  const bits = ['r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'].map((letter, k) =>
    (mode & (0o400 >> k)) === 0 ? '-' : letter,
  )
  const special = (at: number, bit: number, letter: string): void => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === 'x' ? letter : letter.toUpperCase()
  }
  special(2, 0o4000, 's')
  special(5, 0o2000, 's')
  special(8, 0o1000, 't')
  const octal = mode.toString(8).padStart(digits, '0')
  return `${TYPE_LETTERS[mode >>> 12] ?? '?'}${bits.join('')}:0${octal}`
}

const VALID: readonly (readonly [keyof SetattrRequest, number])[] = [
  ['mode', 1],
  ['uid', 2],
  ['gid', 4],
  ['size', 8],
  ['atime', 16],
  ['mtime', 32],
  ['fh', 64],
]

function setattrText(ino: Ino, change: SetattrRequest): string {
  let valid = 0
  for (const [key, bit] of VALID) if (change[key] !== undefined) valid |= bit
  if (change.atime === 'now') valid |= 128
  if (change.mtime === 'now') valid |= 256
  const time = (value: Time | 'now'): string => (value === 'now' ? 'NOW' : String(value.sec))
  const set = [
    change.mode === undefined ? '' : `mode=${modeText(change.mode & 0o7777, 4)}`,
    change.uid === undefined ? '' : `uid=${change.uid}`,
    change.gid === undefined ? '' : `gid=${change.gid}`,
    change.atime === undefined ? '' : `atime=${time(change.atime)}`,
    change.mtime === undefined ? '' : `mtime=${time(change.mtime)}`,
    change.size === undefined ? '' : `size=${change.size}`,
  ]
  return `(${inoText(ino)}[${change.fh ?? 0}],0x${hex(valid, 1)},[${set.filter(Boolean).join()}]):`
}
