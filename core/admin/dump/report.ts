/** How a dump or a load is followed, and what it tells at its end. */
import type { Job } from '../parts.ts'

export interface DumpProgress {
  /** Entries, or nodes of a binary dump, so far. */
  readonly entries: number
  /** What the volume's counter says there will be, about; 0 when not known. */
  readonly total: number
}

export interface DumpJob extends Job<DumpProgress> {
  /** Something in the volume is not as it should be; the work goes on. */
  readonly onWarning?: (warning: string) => void
  /** Awaited now and then, for work beside other work: give that a turn. */
  readonly pace?: () => Promise<void>
}

export interface DumpReport {
  /** Entries of the tree; of a binary dump nodes. */
  readonly entries: number
}
