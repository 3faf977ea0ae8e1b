import { useSyncExternalStore } from 'react'
import { ago, exactTime } from '../format/time.ts'
import { now, subscribeClock } from './clock.ts'

/** `2 min ago`, kept true by one clock for the whole window; the exact time on hover. */
export function TimeAgo({ atMs }: { readonly atMs: number }) {
  const nowMs = useNow()
  return (
    <time dateTime={new Date(atMs).toISOString()} title={exactTime(atMs)}>
      {ago(atMs, nowMs)}
    </time>
  )
}

/** The time, once a second while the window is seen. */
export function useNow(): number {
  return useSyncExternalStore(subscribeClock, now)
}
