/** A trace as it is told: plain data, with paths and names. */
import type { RequestTrace } from './trace.ts'

/** Absent fields let everything pass. */
export interface TraceFilter {
  readonly pid?: number
  /** Names of operations, as `ShownOperation.op`. */
  readonly ops?: readonly string[]
  /** A file, or a directory with all below it. */
  readonly path?: string
  /** Only what took at least so long. */
  readonly slowerMs?: number
}

export interface ShownOperation {
  readonly seq: number
  readonly op: string
  readonly pid: number
  readonly uid: number
  /** The program's name; null when it has ended. */
  readonly program: string | null
  readonly atMs: number
  readonly ms: number
  /** Null: it succeeded. */
  readonly error: string | null
  readonly inode: string
  /** Null: not found in time, or it has none any more. */
  readonly path: string | null
  /** New place of a rename or link. */
  readonly to?: string
  readonly offset?: number
  readonly bytes?: number
  readonly requests: readonly RequestTrace[]
}

/** A request that ended after the operation that caused it, or that none caused. */
export interface LateRequest extends RequestTrace {
  readonly cause: { readonly seq: number; readonly op: string; readonly inode: string } | null
}

export interface TraceBatch {
  readonly operations: readonly ShownOperation[]
  readonly late: readonly LateRequest[]
  /** Passed by untold since the batch before: more than fit. */
  readonly dropped: number
}
