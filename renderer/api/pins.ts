/** What is kept on this computer: read, added to and taken from, the same in every screen. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import type { Pin } from '#core/api/files.ts'
import { useUi } from '../components/ui-store.ts'
import { s } from '../strings/strings.ts'
import { useApi } from './api.ts'
import { useTasks } from './live.ts'

/** What is pinned is fetched by and by: looked at again so often. */
const AGAIN_MS = 5000
const NONE: readonly Pin[] = []

export function usePins(id: string) {
  const { trpc } = useApi()
  const { data, error, refetch } = useQuery({
    queryKey: ['pins', id],
    queryFn: ({ signal }) => trpc.files.pins.query({ id }, { signal }),
    refetchInterval: ({ state }) => ((state.data?.length ?? 0) > 0 ? AGAIN_MS : false),
  })
  // The task writes down what is kept a moment after it was asked.
  const work = useTasks()
    .filter(({ kind, volumeId }) => kind === 'pin' && volumeId === id)
    .map(({ taskId, state, progress }) => `${taskId} ${state} ${progress.step}`)
    .join()
  useEffect(() => {
    if (work !== '') void refetch()
  }, [work, refetch])
  return { pins: data ?? NONE, error, refetch }
}

export interface PinActions {
  pin(paths: readonly string[], what: string): void
  unpin(inos: readonly string[], what: string): void
}

/** Failures are shown where the user is. */
export function usePinActions(id: string): PinActions {
  const { trpc } = useApi()
  const client = useQueryClient()
  return useMemo(() => {
    const { say, fail } = useUi.getState()
    const words = s.cache.pins
    const again = () => client.invalidateQueries({ queryKey: ['pins', id] })
    return {
      pin(paths, what) {
        trpc.tasks.start
          .mutate({ kind: 'pin', id, paths: [...paths] })
          .then(() => {
            say(words.started(what))
            return again()
          })
          .catch((error: unknown) => fail(error, words.pinning(what)))
      },
      unpin(inos, what) {
        trpc.files.unpin
          .mutate({ id, inos: [...inos] })
          .then(() => {
            say(words.ended(what))
            return again()
          })
          .catch((error: unknown) => fail(error, words.unpinning(what)))
      },
    }
  }, [trpc, client, id])
}
