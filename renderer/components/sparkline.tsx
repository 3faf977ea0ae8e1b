import { memo } from 'react'
import { linePath } from './line-path.ts'
import css from './sparkline.module.css'

interface Props {
  /** Oldest first. */
  readonly up: readonly number[]
  readonly down: readonly number[]
  readonly label: string
  readonly width?: number
  readonly height?: number
}

/** Reads and writes of the last minute on one scale, without axes. */
export const Sparkline = memo(function Sparkline({ up, down, label, width = 96, height = 20 }: Props) {
  const top = Math.max(1, ...up, ...down)
  return (
    <svg className={css.spark} width={width} height={height} role="img" aria-label={label}>
      <line className={css.base} x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      <path className={css.down} d={linePath(down, top, width, height)} />
      <path className={css.up} d={linePath(up, top, width, height)} />
    </svg>
  )
})
