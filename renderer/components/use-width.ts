import { type RefObject, useLayoutEffect, useState } from 'react'

/** The width of an element, px, in steps: a table need not be laid out anew for every pixel. */
export function useWidth(ref: RefObject<HTMLElement | null>, stepPx = 20): number {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const element = ref.current
    if (element === null) return
    const measure = (px: number) => setWidth(Math.floor(px / stepPx) * stepPx)
    measure(element.clientWidth)
    const observer = new ResizeObserver(([entry]) => measure(entry?.contentRect.width ?? 0))
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref, stepPx])
  return width
}
