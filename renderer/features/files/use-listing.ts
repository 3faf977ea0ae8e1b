import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import { useApi } from '../../api/api.ts'
import { Listing } from './listing.ts'

const PAGE = 5000

/** A folder as it is read, and a way to read it again; what is shown stays until the new one has come. */
export function useListing(
  id: string,
  path: string,
): { readonly listing: Listing; readonly again: () => void } {
  const { trpc } = useApi()
  const [listing, setListing] = useState(() => new Listing())
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a turn reads again
  useEffect(() => {
    const stop = new AbortController()
    const { signal } = stop
    const fresh = new Listing()
    const unsubscribe = fresh.subscribe(() => setListing(fresh))
    void fresh.load((cursor) => trpc.files.list.query({ id, path, limit: PAGE, cursor }, { signal }), signal)
    return () => {
      stop.abort()
      unsubscribe()
    }
  }, [trpc, id, path, turn])
  useSyncExternalStore(listing.subscribe, () => listing.version)
  return { listing, again: useCallback(() => setTurn((now) => now + 1), []) }
}
