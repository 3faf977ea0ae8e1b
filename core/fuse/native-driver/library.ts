/**
 * The npm package fuse-native, the only place that loads it: an optional dependency with prebuilt binaries for x64,
 * which need libfuse 2 (Linux) or macFUSE.
 *
 * Some of its methods are replaced, because they are wrong or unsafe (version 2.2.6, the last one): see each.
 */
import { createRequire } from 'node:module'
import { ERANGE } from '#core/base/errno.ts'
import { MountError } from '../mount-error.ts'
import type { NativeOperations } from './operations.ts'

type Callback = (error: Error | null) => void
type Signal = (result: number, ...values: unknown[]) => void
type Handler = (thread: Buffer, op: number, ...args: never[]) => void

interface Library {
  ops: NativeOperations
  _handlers: Handler[]
  open(done: Callback): void
  close(done: Callback): void
}

interface LibraryClass {
  new (mountpoint: string, ops: NativeOperations, options: { readonly timeout: false }): Library
  unmount(mountpoint: string, done: Callback): void
}

export interface NativeMount {
  /** Resolves when the kernel's INIT was answered. Errors: MountError. */
  open(): Promise<void>
  /** After the kernel let go: nothing keeps the process any longer. */
  close(): void
}

/** Source: fuse-native.c, `op_utimens`. */
const OP_UTIMENS = 12
/** Of `atime` in `fuse_thread_locals_t` (fuse-native.c), on 64-bit Linux; `mtime` follows. */
const AT_ATIME = 104
const INSTALL =
  process.platform === 'darwin'
    ? 'Install macFUSE, and `npm install fuse-native`.'
    : 'Install libfuse 2 (Debian, Ubuntu: `apt-get install libfuse2`), and `npm install fuse-native`.'

/** Never collected: its thread may still look at the memory it was given. */
const kept = new Set<Library>()

/** Why the driver cannot be used here, and what to do; undefined when it can. */
export function nativeDriverObstacle(): { readonly sentence: string; readonly next: string } | undefined {
  try {
    load()
    return undefined
  } catch (error) {
    return { sentence: `${(error as Error).message}.`, next: INSTALL }
  }
}

/** `words` are libfuse's mount options. */
export function nativeMount(
  mountpoint: string,
  ops: NativeOperations,
  words: readonly string[],
): NativeMount {
  const library = new (driverOf(load(), words))(mountpoint, ops, { timeout: false })
  kept.add(library)
  return {
    open: () =>
      new Promise((resolve, reject) => {
        library.open((cause) => {
          if (cause === null || cause === undefined) resolve()
          else reject(new MountError('refused', `libfuse refuses to mount ${mountpoint}`, INSTALL, { cause }))
        })
      }),
    close: () => library.close(() => undefined),
  }
}

function load(): LibraryClass {
  try {
    return createRequire(import.meta.url)('fuse-native') as LibraryClass
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0]
    throw new MountError('no-device', `The driver fuse-native cannot be loaded: ${reason}`, INSTALL, {
      cause,
    })
  }
}

function driverOf(Fuse: LibraryClass, words: readonly string[]): LibraryClass {
  // Its own `unmount` hands the path to a shell and detaches whatever is in use. Ours is in mount.ts.
  Fuse.unmount = (_mountpoint, done) => done(null)
  return class extends Fuse {
    constructor(mountpoint: string, ops: NativeOperations, options: { readonly timeout: false }) {
      super(mountpoint, ops, options)
      this._handlers[OP_UTIMENS] = withModificationTime(this._handlers[OP_UTIMENS]!)
    }

    /** All options, not only those it has names for. */
    _fuseOptions(): string {
      return `-o${words.join(',')}`
    }

    /** A value that does not fit is ERANGE; the original tells the kernel more bytes than there are. */
    _op_getxattr(signal: Signal, path: string, name: string, room: Buffer, position: number): void {
      this.ops.getxattr(path, name, position, (result, value) => signalValue(signal, result, value, room))
    }

    _op_listxattr(signal: Signal, path: string, room: Buffer): void {
      this.ops.listxattr(path, (result, value) => signalValue(signal, result, value, room))
    }
  }
}

function signalValue(signal: Signal, result: number, value: Buffer | undefined, room: Buffer): void {
  if (result < 0 || value === undefined) signal(result, room.buffer)
  else if (room.length === 0) signal(value.length, room.buffer)
  else if (value.length > room.length) signal(-ERANGE, room.buffer)
  else {
    room.set(value)
    signal(value.length, room.buffer)
  }
}

/**
 * The library passes the access time twice (fuse-native.c, `utimens`). The other time stands beside it in the thread's
 * record; it is taken from there where the access time is found where it must be.
 */
function withModificationTime(handler: Handler): Handler {
  return (thread, op, ...args) => {
    const words = args as unknown as number[]
    const [, atimeLow, atimeHigh] = words
    const isThere =
      process.platform === 'linux' &&
      thread.length >= AT_ATIME + 16 &&
      thread.readUInt32LE(AT_ATIME) === atimeLow &&
      thread.readUInt32LE(AT_ATIME + 4) === atimeHigh
    if (isThere) {
      words[3] = thread.readUInt32LE(AT_ATIME + 8)
      words[4] = thread.readUInt32LE(AT_ATIME + 12)
    }
    handler(thread, op, ...args)
  }
}
