import { type RefObject, useEffect, useLayoutEffect, useState } from 'react'

/** Whether the content is larger than the element: then it is scrolled, and the keyboard must reach it. */
export function useOverflow(ref: RefObject<HTMLElement | null>): boolean {
  const [overflows, setOverflows] = useState(false)
  // After every render: what is in the element, or whether it is there at all, may be another.
  useLayoutEffect(() => setOverflows(isOverflowing(ref.current)))
  useEffect(() => {
    const look = () => setOverflows(isOverflowing(ref.current))
    window.addEventListener('resize', look)
    return () => window.removeEventListener('resize', look)
  }, [ref])
  return overflows
}

function isOverflowing(element: HTMLElement | null): boolean {
  if (element === null) return false
  const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element
  // A pixel of rounding is no scrolling.
  return scrollWidth > clientWidth + 1 || scrollHeight > clientHeight + 1
}
