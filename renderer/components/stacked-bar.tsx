import type { ReactNode } from 'react'
import css from './stacked-bar.module.css'

export interface Part {
  readonly key: string
  readonly label: ReactNode
  /** Its share of the bar. */
  readonly value: number
  /** A token: `var(--tier-disk)`. */
  readonly color: string
  /** In words: `12 GiB`, `340 reads, 1.2 GiB`. */
  readonly text: string
  readonly hover?: string
}

interface Props {
  readonly parts: readonly Part[]
  /** What the bar is of, for those who do not see it. */
  readonly label: string
  /** The whole when it is more than the sum of the parts. */
  readonly total?: number
  readonly legend?: boolean
}

/** One bar divided by shares, with its legend as a list of names and numbers. */
export function StackedBar({ parts, label, total, legend = true }: Props) {
  const sum = parts.reduce((all, { value }) => all + value, 0)
  const whole = Math.max(total ?? sum, sum)
  return (
    <div className={css.root}>
      <div
        className={css.bar}
        role="img"
        aria-label={`${label}: ${parts.map((part) => `${part.key} ${part.text}`).join(', ')}`}
      >
        {whole > 0 &&
          parts
            .filter(({ value }) => value > 0)
            .map(({ key, value, color, hover, text }) => (
              <span
                key={key}
                className={css.part}
                title={hover ?? text}
                style={{ width: `${(value / whole) * 100}%`, background: color }}
              />
            ))}
      </div>
      {legend && (
        <dl className={css.legend} data-figures>
          {parts.map(({ key, label: name, color, text, hover }) => (
            <div key={key} title={hover}>
              <dt>
                <span className={css.swatch} style={{ background: color }} aria-hidden />
                {name}
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  )
}
