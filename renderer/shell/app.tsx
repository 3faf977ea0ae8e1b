import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect } from 'react'
import { ApiContext, type PomeloApi } from '../api/api.ts'
import { useConnection } from '../api/connection.ts'
import { watchLive } from '../api/live.ts'
import { useSettings } from '../api/settings.ts'
import { storeLanguage } from '../strings/language.ts'
import { chooseTheme, useScheme } from '../theme/scheme.ts'
import { theme } from '../theme/theme.ts'
import { Denied } from './denied.tsx'
import { Frame } from './frame.tsx'

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: false,
      staleTime: 5_000,
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

/** The whole window. `api` is null when nobody let it in. */
export function App({ api }: { readonly api: PomeloApi | null }) {
  return (
    <MantineProvider
      theme={theme}
      forceColorScheme={useScheme()}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      {api === null ? (
        <Denied />
      ) : (
        <ApiContext value={api}>
          <QueryClientProvider client={queries}>
            <Connected api={api} />
          </QueryClientProvider>
        </ApiContext>
      )}
    </MantineProvider>
  )
}

function Connected({ api }: { readonly api: PomeloApi }) {
  const state = useConnection(api.connection)
  useEffect(() => watchLive(api), [api])
  // What was read while nobody answered is read again when somebody does.
  useEffect(() => {
    if (state === 'open') void queries.invalidateQueries()
  }, [state])
  useKeptLook()
  return state === 'denied' ? <Denied /> : <Frame />
}

/** The theme and the language that the daemon keeps, for windows that have not stored them themselves. */
function useKeptLook(): void {
  const { theme: kept, language } = useSettings().data ?? {}
  useEffect(() => {
    if (kept !== undefined) chooseTheme(kept)
  }, [kept])
  useEffect(() => {
    if (language !== undefined && storeLanguage(language)) location.reload()
  }, [language])
}
