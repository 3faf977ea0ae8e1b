/** What several views of the inspector ask and start. */
import { useMutation, useQuery } from '@tanstack/react-query'
import type { TaskSpec } from '#core/api/tasks.ts'
import { useApi } from '../../api/api.ts'
import { useVolume } from '../../api/live.ts'
import { useUi } from '../../components/ui-store.ts'

/** Start a task and say that it has begun. */
export function useTask(words: { readonly started: string; readonly doing: string }) {
  const { trpc } = useApi()
  return useMutation({
    mutationFn: (spec: TaskSpec) => trpc.tasks.start.mutate(spec),
    onSuccess: () => useUi.getState().say(words.started),
    onError: (error) => useUi.getState().fail(error, words.doing),
  })
}

/** Of a file that a table of this volume is saved to. */
export function useTableName(id: string, table: string): string {
  return `${useVolume(id)?.name ?? id} ${table}`
}

/** When the last survey listed the bucket, looked at now and then; null: never. What it found is read only when that changes. */
export function useListedMs(id: string) {
  const { trpc } = useApi()
  return useQuery({
    queryKey: ['inspect', 'listed', id],
    queryFn: async ({ signal }) => (await trpc.inspect.bucket.query({ id, limit: 1 }, { signal })).listedMs,
    refetchInterval: 5000,
  })
}
