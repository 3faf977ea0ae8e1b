import type { ReactNode } from 'react'
import css from './facts.module.css'

export interface Fact {
  readonly label: string
  readonly value: ReactNode
  readonly hover?: string | undefined
}

interface Props {
  readonly facts: readonly Fact[]
  /** Values are figures, at the right edge: beside bars and tables. */
  readonly ends?: boolean
}

/** Names and values in two columns. */
export function Facts({ facts, ends = false }: Props) {
  return (
    <dl className={css.facts} data-ends={ends || undefined}>
      {facts.map(({ label, value, hover }) => (
        <div key={label} title={hover}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
