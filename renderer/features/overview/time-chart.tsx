import { useEffect, useRef, useSyncExternalStore } from 'react'
import uPlot from 'uplot'
import { s } from '../../strings/strings.ts'
import { useScheme } from '../../theme/scheme.ts'
import type { Chart } from './chart-list.ts'
import css from './charts.module.css'
import type { Cursor } from './cursor.ts'
import { topOf } from './scale.ts'
import type { SeriesWindow } from './series-window.ts'
import { stacked } from './stacked.ts'

const HEIGHT = 88
const AXIS_HEIGHT = 24
const AXIS_WIDTH = 76
const SYNC = 'overview'

interface Props {
  readonly chart: Chart
  readonly window: SeriesWindow
  readonly cursor: Cursor
  /** The last chart has the axis of all. */
  readonly withTime: boolean
  readonly rangeMs: number
}

/** One chart of the stack. uPlot draws; React only puts the values beside the title. */
export function TimeChart({ chart, window, cursor, withTime, rangeMs }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const scheme = useScheme()

  // biome-ignore lint/correctness/useExhaustiveDependencies: the scheme changes the colours that are read here
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const names = chart.lines.map(({ name }) => name)
    const data = (): uPlot.AlignedData => {
      const [atSec, ...columns] = window.data(names)
      return [atSec, ...stacked(columns, chart.parts ?? 0)] as uPlot.AlignedData
    }
    const plot = new uPlot(optionsOf(chart, element, cursor, withTime), data(), element)
    function draw(): void {
      const endSec = (window.timeMs(-1) ?? Date.now()) / 1000
      plot.setData(data(), false)
      plot.batch(() => {
        plot.setScale('x', { min: endSec - rangeMs / 1000, max: endSec })
        plot.setScale('y', { min: 0, max: topOf(plot.data.slice(1) as (number | null)[][], chart) })
      })
    }
    draw()
    const unsubscribe = window.subscribe(draw)
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: heightOf(withTime) }),
    )
    observer.observe(element)
    return () => {
      unsubscribe()
      observer.disconnect()
      plot.destroy()
    }
  }, [chart, window, cursor, withTime, rangeMs, scheme])

  return (
    <figure className={css.chart}>
      <figcaption className={css.caption}>
        <h3>{s.overview.chart[chart.key]}</h3>
        <Values chart={chart} window={window} cursor={cursor} />
      </figcaption>
      <div ref={host} className={css.plot} style={{ height: heightOf(withTime) }} aria-hidden />
    </figure>
  )
}

/** The values under the cursor, or the newest. */
function Values({ chart, window, cursor }: Pick<Props, 'chart' | 'window' | 'cursor'>) {
  useSyncExternalStore(window.subscribe, () => window.version)
  const index = useSyncExternalStore(cursor.subscribe, () => cursor.index) ?? -1
  return (
    <dl className={css.values} data-figures>
      {chart.lines.map(({ name, color }) => {
        const value = window.at(name, index)
        return (
          <div key={name}>
            <dt>
              <span className={css.swatch} style={{ background: `var(${color})` }} aria-hidden />
              {s.overview.series[name]}
            </dt>
            <dd>{value === null ? '–' : chart.format(value)}</dd>
          </div>
        )
      })}
    </dl>
  )
}

function heightOf(withTime: boolean): number {
  return HEIGHT + (withTime ? AXIS_HEIGHT : 0)
}

function optionsOf(chart: Chart, host: HTMLElement, cursor: Cursor, withTime: boolean): uPlot.Options {
  const style = getComputedStyle(host)
  const token = (name: string) => style.getPropertyValue(name).trim()
  const font = `11px ${style.fontFamily}`
  const grid = { stroke: token('--grid-line'), width: 1 }
  return {
    width: host.clientWidth,
    height: heightOf(withTime),
    padding: [6, 16, withTime ? 0 : 6, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC, setSeries: false },
      drag: { x: false, y: false },
      y: false,
      points: { size: 7 },
    },
    hooks: { setCursor: [(plot) => cursor.set(plot.cursor.idx ?? undefined)] },
    scales: { x: { time: true, auto: false }, y: { auto: false } },
    axes: [
      {
        stroke: token('--text-dim'),
        font,
        grid,
        ticks: { show: false },
        space: 72,
        size: withTime ? AXIS_HEIGHT : 0,
        values: withTime ? TIMES : (_, splits) => splits.map(() => ''),
      },
      {
        stroke: token('--text-dim'),
        font,
        grid,
        ticks: { show: false },
        size: AXIS_WIDTH,
        space: 34,
        gap: 8,
        splits: (_, __, min, max) => [min, max / 2, max],
        values: (_, splits) => splits.map(chart.format),
      },
    ],
    // A part is filled down to the part below it.
    bands: Array.from({ length: Math.max(0, (chart.parts ?? 0) - 1) }, (_, at) => ({
      series: [at + 2, at + 1],
    })),
    series: [
      {},
      ...chart.lines.map(({ color, fill }) => ({
        stroke: token(color),
        width: 1.5,
        points: { show: false },
        ...(fill ? { fill: `${token(color)}${chart.parts === undefined ? '1f' : '4d'}` } : {}),
      })),
    ],
  }
}

/** 24-hour clock, and days where it shows them. */
const TIMES: uPlot.Axis.Values = [
  [86_400, '{YYYY}-{MM}-{DD}', null, null, null, null, null, null, 1],
  [3600, '{HH}:{mm}', '\n{MM}-{DD}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
]
