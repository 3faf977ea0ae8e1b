/**
 * Errors of the file system.
 *
 * Two kinds travel: `FsError` is a refusal with an errno that the caller is meant to see (made by
 * `fail`), and `BackendError` says that a server, disk or bucket let us down, in a coarse kind.
 * Routine answers ("no such entry") are values, not errors.
 */
import { constants } from 'node:os'

/** Linux errno numbers by name. Source: include/uapi/asm-generic/errno.h. */
export const EPERM = 1
export const ENOENT = 2
export const EINTR = 4
export const EIO = 5
export const ENXIO = 6
export const E2BIG = 7
export const EBADF = 9
export const EAGAIN = 11
export const ENOMEM = 12
export const EACCES = 13
export const EBUSY = 16
export const EEXIST = 17
export const EXDEV = 18
export const ENODEV = 19
export const ENOTDIR = 20
export const EISDIR = 21
export const EINVAL = 22
export const ENFILE = 23
export const EMFILE = 24
export const ENOTTY = 25
export const EFBIG = 27
export const ENOSPC = 28
export const ESPIPE = 29
export const EROFS = 30
export const EMLINK = 31
export const EPIPE = 32
export const ERANGE = 34
export const EDEADLK = 35
export const ENAMETOOLONG = 36
export const ENOSYS = 38
export const ENOTEMPTY = 39
export const ELOOP = 40
export const ENODATA = 61
export const EPROTO = 71
export const EOVERFLOW = 75
export const EOPNOTSUPP = 95
/** Same number as EOPNOTSUPP on Linux; the format's documents call it ENOTSUP. */
export const ENOTSUP = 95
export const ECONNABORTED = 103
export const ENOTCONN = 107
export const ETIMEDOUT = 110
export const ESTALE = 116
export const EDQUOT = 122

const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
)
NAMES.set(EAGAIN, 'EAGAIN')
NAMES.set(EOPNOTSUPP, 'EOPNOTSUPP')

/** Symbolic name of an errno, or `errno N` for a number this machine does not name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** A refusal with an errno. `op` is the operation's name, `detail` what it was about. */
export class FsError extends Error {
  readonly errno: number
  readonly op: string
  override readonly name = 'FsError'

  constructor(errno: number, op: string, detail?: string, options?: ErrorOptions) {
    super(`${errnoName(errno)}: ${op}${detail === undefined ? '' : `: ${detail}`}`, options)
    this.errno = errno
    this.op = op
  }

  get code(): string {
    return errnoName(this.errno)
  }
}

/** Make the error for a refusal: `throw fail(ENOTEMPTY, 'rmdir', `ino ${ino}`)`. */
export function fail(errno: number, op: string, detail?: string, options?: ErrorOptions): FsError {
  return new FsError(errno, op, detail, options)
}

/**
 * What a backend did to us.
 * conflict: somebody else changed it; unavailable: no answer, try later; invalid: it says the request
 * is wrong; corrupt: the bytes are not what they must be; denied: credentials or rights; not-found:
 * object or table missing; no-space: it is full; read-only: it takes no writes (a replica); closed: we closed it; interrupted: the caller gave up.
 */
export type BackendErrorKind =
  | 'conflict'
  | 'unavailable'
  | 'invalid'
  | 'corrupt'
  | 'denied'
  | 'not-found'
  | 'no-space'
  | 'read-only'
  | 'closed'
  | 'interrupted'

export class BackendError extends Error {
  readonly kind: BackendErrorKind
  override readonly name = 'BackendError'

  constructor(kind: BackendErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** The errno a kernel request is answered with when `error` ended it. Unknown errors are EIO. */
export function toErrno(error: unknown): number {
  if (error instanceof FsError) return error.errno
  if (error instanceof BackendError) return backendErrno(error.kind)
  if (error instanceof Error && error.name === 'AbortError') return EINTR
  return EIO
}

function backendErrno(kind: BackendErrorKind): number {
  switch (kind) {
    case 'interrupted':
      return EINTR
    case 'no-space':
      return ENOSPC
    case 'read-only':
      return EROFS
    case 'conflict':
    case 'unavailable':
    case 'invalid':
    case 'corrupt':
    case 'denied':
    case 'not-found':
    case 'closed':
      return EIO
    default:
      return kind satisfies never
  }
}
