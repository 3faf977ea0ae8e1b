import type { ReactNode } from 'react'
import css from './facts.module.css'

export interface Fact {
  readonly label: string
  readonly value: ReactNode
  readonly hover?: string | undefined
}

/** Names and values in two columns. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className={css.facts}>
      {facts.map(({ label, value, hover }) => (
        <div key={label} title={hover}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
