import type { ReactNode } from 'react'
import css from './wizard.module.css'

interface Props {
  readonly title: string
  readonly text?: string
  readonly children: ReactNode
}

/** One question of the wizard and its answers. */
export function Question({ title, text, children }: Props) {
  return (
    <div className={css.form}>
      <div>
        <h2 className={css.title}>{title}</h2>
        {text !== undefined && <p className={css.dim}>{text}</p>}
      </div>
      {children}
    </div>
  )
}
