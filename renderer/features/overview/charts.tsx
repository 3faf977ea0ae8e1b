import 'uplot/dist/uPlot.min.css'
import { SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { LiveDetail } from '#core/api/metrics.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { exactTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import { CHART_SERIES, CHARTS, RANGES, type Range } from './chart-list.ts'
import css from './charts.module.css'
import { Cursor } from './cursor.ts'
import { SeriesWindow } from './series-window.ts'
import { TimeChart } from './time-chart.tsx'

/** Windows up to so long are moved on by live samples; longer ones are read again every minute. */
const LIVE_UP_TO_MS = RANGES['1h']
const AGAIN_MS = 60_000

interface Props {
  readonly id: string
  readonly detail: LiveDetail | undefined
}

/** Everything that changes with time, on one axis with one cursor. */
export function Charts({ id, detail }: Props) {
  const { trpc } = useApi()
  const [range, setRange] = useState<Range>('5m')
  const rangeMs = RANGES[range]
  const isLive = rangeMs <= LIVE_UP_TO_MS
  const window = useMemo(() => new SeriesWindow(CHART_SERIES, rangeMs), [rangeMs])
  const cursor = useMemo(() => new Cursor(), [])
  const history = useQuery({
    queryKey: ['history', id, range],
    queryFn: ({ signal }) =>
      trpc.metrics.history.query({ id, fromMs: Date.now() - rangeMs, series: [...CHART_SERIES] }, { signal }),
    staleTime: 0,
    gcTime: 0,
    refetchInterval: isLive ? false : AGAIN_MS,
  })
  useEffect(() => {
    if (history.data !== undefined) window.fill(history.data)
  }, [history.data, window])
  useEffect(() => {
    // Not before the history is there: it would take the place of what came meanwhile.
    if (detail !== undefined && isLive && history.isSuccess) window.push(detail.sample)
  }, [detail, isLive, window, history.isSuccess])

  const words = s.overview
  return (
    <Panel
      title={words.charts}
      className={css.panel}
      note={<CursorTime window={window} cursor={cursor} />}
      actions={
        <SegmentedControl
          aria-label={words.range}
          value={range}
          onChange={(next) => setRange(next as Range)}
          data={Object.keys(RANGES).map((value) => ({ value, label: words.ranges[value as Range] }))}
        />
      }
    >
      {history.isError && <ErrorNote error={history.error} onRetry={() => void history.refetch()} />}
      {CHARTS.map((chart, at) => (
        <TimeChart
          key={chart.key}
          chart={chart}
          window={window}
          cursor={cursor}
          withTime={at === CHARTS.length - 1}
          rangeMs={rangeMs}
        />
      ))}
    </Panel>
  )
}

function CursorTime({ window, cursor }: { readonly window: SeriesWindow; readonly cursor: Cursor }) {
  const index = useSyncExternalStore(cursor.subscribe, () => cursor.index)
  const atMs = index === undefined ? undefined : window.timeMs(index)
  return atMs === undefined ? null : exactTime(atMs)
}
