/**
 * Preloaded into the measured process (`node --import`): how late its event loop was, written to BENCH_LOOP_DELAY at the
 * end as JSON. A sample is how much later than asked a timer of 1 ms ran: what one turn of the loop took, and what the
 * machine kept the thread from running.
 */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  readonly samples: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

const PERIOD_MS = 1

const path = process.env.BENCH_LOOP_DELAY
if (path !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: PERIOD_MS })
  const late = (ns: number): number => Math.max(0, ns / 1e6 - PERIOD_MS)
  delays.enable()
  process.on('exit', () => {
    const { count, max } = delays
    const [p99, p999] = [delays.percentile(99), delays.percentile(99.9)]
    const result: LoopDelay = { samples: count, p99Ms: late(p99), p999Ms: late(p999), maxMs: late(max) }
    writeFileSync(path, JSON.stringify(result))
  })
}
