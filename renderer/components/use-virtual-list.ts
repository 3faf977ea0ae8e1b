/** A long list of equal rows: only what is seen exists, one row has the focus, keys and names move it. */
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useRef, useState } from 'react'
import { keyedIndex, TypeAhead } from './list-keys.ts'

interface Options {
  readonly count: number
  readonly rowHeight: number
  readonly nameAt: (index: number) => string
  /** Enter on a row. */
  readonly onOpen?: (index: number) => void
  /** Keys moved the focus; `extend` with Shift. */
  readonly onMove?: (index: number, extend: boolean) => void
  /** Other keys; true when it did something. */
  readonly onKey?: (event: React.KeyboardEvent, index: number) => boolean
}

export interface VirtualList {
  readonly scroller: React.RefObject<HTMLDivElement | null>
  readonly virtualizer: Virtualizer<HTMLDivElement, Element>
  /** The row that Tab reaches. */
  readonly active: number
  setActive(index: number): void
  onKeyDown(event: React.KeyboardEvent): void
}

export function useVirtualList(options: Options): VirtualList {
  const { count, rowHeight } = options
  const scroller = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState(0)
  const ahead = useRef(new TypeAhead())
  const wantsFocus = useRef(false)
  // Rows are keyed by their index: keys of their own would be asked for all of a hundred thousand with every render.
  const virtualizer = useVirtualizer<HTMLDivElement, Element>({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  })
  const within = Math.min(active, Math.max(0, count - 1))

  const moveTo = useCallback(
    (index: number) => {
      setActive(index)
      wantsFocus.current = true
      virtualizer.scrollToIndex(index, { align: 'auto' })
    },
    [virtualizer],
  )

  // The row may be drawn only a frame after the scroll: look again with every render until it is there.
  useEffect(() => {
    if (!wantsFocus.current) return
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${within}"]`)
    if (row === null || row === undefined) return
    wantsFocus.current = false
    row.focus({ preventScroll: true })
  })

  function onKeyDown(event: React.KeyboardEvent): void {
    if (event.defaultPrevented) return
    const { nameAt, onOpen, onMove, onKey } = options
    if (onKey?.(event, within)) {
      event.preventDefault()
      return
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey
    if (event.key === 'Enter' && onOpen !== undefined && plain) {
      event.preventDefault()
      onOpen(within)
      return
    }
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 1)
    const letter = plain && event.key.length === 1 && event.key !== ' '
    const target = letter
      ? ahead.current.find(event.key, within, count, nameAt, event.timeStamp)
      : keyedIndex(event.key, within, count, page)
    if (target === undefined) return
    event.preventDefault()
    moveTo(target)
    onMove?.(target, event.shiftKey && !letter)
  }

  return { scroller, virtualizer, active: within, setActive, onKeyDown }
}
