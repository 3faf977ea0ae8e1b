import type { OperationRate } from '#core/api/metrics.ts'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { perSecond } from '../../format/number.ts'
import { latency } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './panels.module.css'

const MOST = 12

/** Rates and latencies by kind, busiest first. */
export function OperationsPanel({ operations }: { readonly operations: readonly OperationRate[] }) {
  const words = s.overview.operations
  const top = Math.max(1, ...operations.map(({ perSec }) => perSec))
  const ms = (value: number | null) => (value === null ? '–' : latency(value))
  return (
    <Panel title={words.title}>
      {operations.length === 0 ? (
        <p className={css.dim}>{words.none}</p>
      ) : (
        <PlainTable
          label={words.table}
          columns={[
            { title: words.columns.op },
            { title: words.columns.rate, end: true },
            { title: '' },
            { title: words.columns.mean, end: true },
            { title: words.columns.p50, end: true },
            { title: words.columns.p95, end: true },
            { title: words.columns.p99, end: true },
          ]}
          rows={operations.slice(0, MOST).map(({ op, perSec, meanMs, p50Ms, p95Ms, p99Ms }) => ({
            key: op,
            cells: [
              <code key="op">{op}</code>,
              perSecond(perSec),
              <span key="bar" className={css.meter} aria-hidden>
                <span style={{ width: `${(perSec / top) * 100}%` }} />
              </span>,
              ms(meanMs),
              ms(p50Ms),
              ms(p95Ms),
              ms(p99Ms),
            ],
          }))}
        />
      )}
    </Panel>
  )
}
