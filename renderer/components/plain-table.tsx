import { type ReactNode, useRef } from 'react'
import css from './plain-table.module.css'
import { useOverflow } from './use-overflow.ts'

interface Props {
  readonly label: string
  readonly columns: readonly { readonly title: string; readonly end?: boolean }[]
  readonly rows: readonly {
    readonly key: string
    readonly hover?: string
    readonly cells: readonly ReactNode[]
  }[]
}

/** A short table: all of it is drawn. */
export function PlainTable({ label, columns, rows }: Props) {
  const scroller = useRef<HTMLElement>(null)
  const scrolls = useOverflow(scroller)
  return (
    <section
      ref={scroller}
      className={css.scroll}
      aria-label={scrolls ? label : undefined}
      tabIndex={scrolls ? 0 : undefined}
    >
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ title, end }, at) => (
              <th key={title === '' ? at : title} scope="col" data-end={end || undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, hover, cells }) => (
            <tr key={key} title={hover}>
              {cells.map((cell, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its column
                <td key={at} data-end={columns[at]?.end || undefined}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
