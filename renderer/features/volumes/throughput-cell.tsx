import { useEffect } from 'react'
import type { VolumeRates } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { throughput } from '../../api/live.ts'
import { Sparkline } from '../../components/sparkline.tsx'
import { rate } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './volumes-table.module.css'

/** A row that is only scrolled past asks for nothing. */
const REST_MS = 250
const MINUTE_MS = 60_000

interface Props {
  readonly id: string
  readonly rates: VolumeRates
}

/** Reads and writes of the last minute, also of what of it was before the window was opened. */
export function ThroughputCell({ id, rates: { readBps, writeBps } }: Props) {
  const { trpc } = useApi()
  useEffect(() => {
    const timer = setTimeout(() => {
      const read = async () => {
        const fromMs = Date.now() - MINUTE_MS
        const { series } = await trpc.metrics.history.query({
          id,
          fromMs,
          resolution: 'second',
          series: ['readBps', 'writeBps'],
        })
        return { up: (series.writeBps ?? []).map(orNone), down: (series.readBps ?? []).map(orNone) }
      }
      // Without it the curve begins now.
      throughput.begin(id, read).catch(() => undefined)
    }, REST_MS)
    return () => clearTimeout(timer)
  }, [trpc, id])
  return (
    <span className={css.curve}>
      <Sparkline
        {...throughput.of(id)}
        label={s.volumes.spark(rate(readBps), rate(writeBps))}
        width={72}
        height={28}
      />
      <span className={css.rates} data-figures>
        <span>↓ {rate(readBps)}</span>
        <span>↑ {rate(writeBps)}</span>
      </span>
    </span>
  )
}

function orNone(bps: number | null): number {
  return bps ?? 0
}
