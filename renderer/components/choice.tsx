import { Radio } from '@mantine/core'
import type { ReactNode } from 'react'
import css from './choice.module.css'

interface Props<K extends string> {
  readonly label: string
  readonly value: K
  readonly onChange: (value: K) => void
  readonly options: readonly { readonly value: K; readonly title: string; readonly text?: string }[]
  readonly columns?: number
  readonly children?: ReactNode
}

/** One of a few, each with what it means. */
export function Choice<K extends string>({ label, value, onChange, options, columns = 1 }: Props<K>) {
  return (
    <Radio.Group aria-label={label} value={value} onChange={(next) => onChange(next as K)}>
      <div className={css.options} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {options.map((option) => (
          <Radio
            key={option.value}
            value={option.value}
            label={option.title}
            description={option.text}
            className={css.option}
            data-checked={option.value === value || undefined}
          />
        ))}
      </div>
    </Radio.Group>
  )
}
