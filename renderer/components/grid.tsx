// biome-ignore-all lint/a11y/useSemanticElements: rows are placed by hand, which a <table> does not allow
// biome-ignore-all lint/a11y/useFocusableInteractive: the row has the focus, as the grid pattern allows
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the grid has the keys of its rows
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import { memo, type ReactNode, useMemo } from 'react'
import css from './grid.module.css'
import { useVirtualList, type VirtualList } from './use-virtual-list.ts'
import { useWidth } from './use-width.ts'

export interface Column<T> {
  readonly key: string
  readonly title: string
  /** As `grid-template-columns` takes it. */
  readonly width: string
  readonly end?: boolean
  /** Left out of tables narrower than this, px. */
  readonly from?: number
  readonly sortable?: boolean
  /** `tabbable`: what can be pressed in the cell is reached by Tab. */
  render(item: T, tabbable: boolean): ReactNode
}

export interface Sort {
  readonly key: string
  readonly descending: boolean
}

export interface GridProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly count: number
  /** Undefined: not loaded yet. */
  readonly itemAt: (index: number) => T | undefined
  readonly nameOf: (item: T) => string
  readonly rowHeight?: number
  readonly sort?: Sort
  readonly onSort?: (key: string) => void
  readonly onOpen?: (item: T, index: number) => void
  readonly onMove?: (index: number, extend: boolean) => void
  readonly onKey?: (event: React.KeyboardEvent, index: number) => boolean
  readonly onPress?: (event: React.MouseEvent, item: T, index: number) => void
  readonly onContext?: (event: React.MouseEvent, item: T, index: number) => void
  readonly isSelected?: (item: T) => boolean
}

const HEAD = 32

/** A table of any length: rows are drawn as they come into sight, and one of them has the focus. */
export function Grid<T>(props: GridProps<T>) {
  const { label, columns, count, itemAt, nameOf, rowHeight = 32, onOpen, onMove, onKey } = props
  const list = useVirtualList({
    count,
    rowHeight,
    nameAt: (index) => {
      const item = itemAt(index)
      return item === undefined ? '' : nameOf(item)
    },
    onOpen: (index) => {
      const item = itemAt(index)
      if (item !== undefined) onOpen?.(item, index)
    },
    onMove,
    onKey,
  })
  const width = useWidth(list.scroller)
  const shown = useMemo(() => columns.filter(({ from = 0 }) => width >= from), [columns, width])
  const template = shown.map((column) => column.width).join(' ')
  const items = list.virtualizer.getVirtualItems()

  return (
    <div ref={list.scroller} className={css.scroller} data-scroller>
      <div
        role="grid"
        aria-label={label}
        aria-rowcount={count + 1}
        aria-colcount={shown.length}
        className={css.grid}
        onKeyDown={list.onKeyDown}
        tabIndex={-1}
      >
        <Head columns={shown} template={template} sort={props.sort} onSort={props.onSort} />
        <div role="rowgroup" className={css.body} style={{ height: list.virtualizer.getTotalSize() }}>
          {items.map(({ index, key, start }) => (
            <PlacedRow
              key={key}
              index={index}
              start={start}
              list={list}
              shown={shown}
              template={template}
              grid={props}
            />
          ))}
        </div>
      </div>
    </div>
  )
}

interface HeadProps<T> {
  readonly columns: readonly Column<T>[]
  readonly template: string
  readonly sort: Sort | undefined
  readonly onSort: ((key: string) => void) | undefined
}

function Head<T>({ columns, template, sort, onSort }: HeadProps<T>) {
  return (
    <div role="rowgroup" className={css.head} style={{ height: HEAD }}>
      <div role="row" aria-rowindex={1} className={css.cells} style={{ gridTemplateColumns: template }}>
        {columns.map(({ key, title, end, sortable }) => {
          const sorted = sort?.key === key
          const Arrow = sort?.descending ? IconArrowDown : IconArrowUp
          return (
            <div
              key={key}
              role="columnheader"
              className={css.title}
              data-end={end || undefined}
              aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : undefined}
            >
              {sortable && onSort !== undefined ? (
                <button type="button" onClick={() => onSort(key)}>
                  {title}
                  {sorted && <Arrow size={12} aria-hidden />}
                </button>
              ) : (
                title
              )}
            </div>
          )
        })}
      </div>
    </div>
  )
}

interface PlacedRowProps<T> {
  readonly index: number
  readonly start: number
  readonly list: VirtualList
  readonly shown: readonly Column<T>[]
  readonly template: string
  readonly grid: GridProps<T>
}

function PlacedRow<T>({ index, start, list, shown, template, grid }: PlacedRowProps<T>) {
  const item = grid.itemAt(index)
  const active = index === list.active
  const selected = item !== undefined && grid.isSelected?.(item)
  return (
    <div
      role="row"
      data-index={index}
      aria-rowindex={index + 2}
      aria-selected={grid.isSelected === undefined ? undefined : (selected ?? false)}
      tabIndex={active ? 0 : -1}
      className={css.row}
      style={{ transform: `translateY(${start}px)`, height: grid.rowHeight ?? 32 }}
      onFocus={() => list.setActive(index)}
      onClick={(event) => item !== undefined && grid.onPress?.(event, item, index)}
      onDoubleClick={() => item !== undefined && grid.onOpen?.(item, index)}
      onContextMenu={(event) => item !== undefined && grid.onContext?.(event, item, index)}
    >
      {item === undefined ? (
        <span className={css.missing} />
      ) : (
        <Cells item={item} columns={shown} template={template} tabbable={active} />
      )}
    </div>
  )
}

interface CellsProps<T> {
  readonly item: T
  readonly columns: readonly Column<T>[]
  readonly template: string
  readonly tabbable: boolean
}

/** Drawn again only when its item, the columns or the focus change: not when the list scrolls. */
const Cells = memo(function Cells<T>({ item, columns, template, tabbable }: CellsProps<T>) {
  return (
    <div className={css.cells} style={{ gridTemplateColumns: template }} role="presentation">
      {columns.map(({ key, end, render }) => (
        <div key={key} role="gridcell" className={css.cell} data-end={end || undefined}>
          {render(item, tabbable)}
        </div>
      ))}
    </div>
  )
}) as <T>(props: CellsProps<T>) => ReactNode
