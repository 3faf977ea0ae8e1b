/** One FUSE connection: from INIT to the end of the last request. */

/** unmounted: the normal end; aborted: cut; failed: the device broke, see `error`. */
export interface SessionEnd {
  readonly reason: 'unmounted' | 'aborted' | 'failed'
  readonly error?: Error
}

export interface SessionStats {
  /** Requests the kernel waits for. */
  readonly inFlight: number
  /** Requests served since the mount. */
  readonly served: number
  /** Kernel notifications not yet written. */
  readonly notifications: number
}
