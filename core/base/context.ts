/**
 * Who asks, and whether they still want the answer.
 *
 * Every operation takes one as its first argument. The kernel path pools them (`core/fuse`); tools and
 * background work use `rootContext()`.
 */
export interface OpContext {
  readonly uid: number
  readonly gid: number
  readonly pid: number
  /** umask to apply on create; 0 when the kernel has applied it already. */
  readonly umask: number
  /**
   * True when our own code must check permissions (no `default_permissions`, or a squashed caller).
   * Otherwise the kernel has done so.
   */
  readonly checkPermission: boolean
  /** Supplementary groups including `gid`; only looked at when `checkPermission`. */
  readonly groups: readonly number[]
  /** Set once the kernel sent INTERRUPT for this request. Look at it at safe points. */
  readonly interrupted: boolean
  /** Aborted on interrupt. Made on first touch: touch it only for I/O that takes one. */
  readonly signal: AbortSignal
}

const NEVER = new AbortController().signal

/** uid 0 with every right: background jobs, command line, library. */
export function rootContext(signal: AbortSignal = NEVER): OpContext {
  return {
    uid: 0,
    gid: 0,
    pid: 0,
    umask: 0,
    checkPermission: false,
    groups: [0],
    get interrupted() {
      return signal.aborted
    },
    signal,
  }
}
