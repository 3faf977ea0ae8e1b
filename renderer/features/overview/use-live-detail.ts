import { useEffect, useState } from 'react'
import type { LiveDetail } from '#core/api/metrics.ts'
import { useApi } from '../../api/api.ts'
import { whenVisible } from '../../api/when-visible.ts'

/** What the volume does, once a second while the window is seen; undefined when it is not mounted. */
export function useLiveDetail(id: string, isMounted: boolean): LiveDetail | undefined {
  const { trpc } = useApi()
  const [detail, setDetail] = useState<LiveDetail>()
  useEffect(() => {
    if (!isMounted) {
      setDetail(undefined)
      return
    }
    return whenVisible(() => {
      const watch = trpc.metrics.live.subscribe(
        { id },
        { onData: setDetail, onError: () => setDetail(undefined) },
      )
      return () => watch.unsubscribe()
    })
  }, [trpc, id, isMounted])
  return detail
}
