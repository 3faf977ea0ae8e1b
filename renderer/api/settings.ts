/** The settings of this computer, and how they are changed: at once, and taken back when the daemon refuses. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AppSettings, SettingsChange } from '#core/api/settings.ts'
import { useApi } from './api.ts'

const KEY = ['settings'] as const

export function useSettings() {
  const { trpc } = useApi()
  return useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => trpc.system.settings.query(undefined, { signal }),
  })
}

export function useChangeSettings() {
  const { trpc } = useApi()
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: SettingsChange) => trpc.system.changeSettings.mutate(change),
    onMutate(change) {
      const before = client.getQueryData<AppSettings>(KEY)
      if (before !== undefined) client.setQueryData(KEY, { ...before, ...change })
      return before
    },
    onError: (_error, _change, before) => client.setQueryData(KEY, before),
    onSuccess(settings) {
      client.setQueryData(KEY, settings)
      void window.pomeloDesktop?.settingsChanged()
    },
  })
}
