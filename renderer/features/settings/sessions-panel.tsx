import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { s } from '../../strings/strings.ts'
import css from './settings.module.css'

/** Who has access to this interface, and how it ends. */
export function SessionsPanel() {
  const { trpc } = useApi()
  const words = s.settings.sessions
  const { data } = useQuery({
    queryKey: ['api sessions'],
    queryFn: ({ signal }) => trpc.system.apiSessions.query(undefined, { signal }),
    refetchInterval: 10_000,
  })
  const logout = useMutation({ mutationFn: (all: boolean) => trpc.system.logout.mutate({ all }) })
  return (
    <Panel
      title={words.title}
      actions={
        <>
          <Button variant="default" size="compact-sm" onClick={() => logout.mutate(false)}>
            {words.out}
          </Button>
          <Button variant="default" size="compact-sm" onClick={() => logout.mutate(true)}>
            {words.all}
          </Button>
        </>
      }
    >
      {logout.isError && <ErrorNote error={logout.error} doing={words.doing} />}
      {data !== undefined && (
        <PlainTable
          label={words.table}
          columns={[
            { title: words.columns.label },
            { title: words.columns.since },
            { title: words.columns.last, end: true },
          ]}
          rows={data.map(({ sessionId, label, sinceMs, lastMs, isThis }) => ({
            key: sessionId,
            cells: [
              isThis ? `${label} (${words.here})` : label,
              <TimeAgo key="since" atMs={sinceMs} />,
              <TimeAgo key="last" atMs={lastMs} />,
            ],
          }))}
        />
      )}
      <p className={css.small}>{words.outText}</p>
    </Panel>
  )
}
