/** What a machine that does other things besides does to time on the clock. */
import { availableParallelism, loadavg } from 'node:os'

/** How many times longer something may take now than on an idle machine: at least 1, at most 6. */
export function slack(): number {
  return Math.max(1, Math.min(6, loadavg()[0]! / availableParallelism()))
}
