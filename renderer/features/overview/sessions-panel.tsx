import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { ToneDot } from '../../components/state-mark.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './panels.module.css'

/** Who has the volume mounted, on any computer. */
export function SessionsPanel({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const words = s.overview.sessions
  const { data, error, refetch } = useQuery({
    queryKey: ['sessions', id],
    queryFn: ({ signal }) => trpc.volumes.sessions.query({ id }, { signal }),
    refetchInterval: 10_000,
  })
  return (
    <Panel title={words.title} note={data === undefined ? undefined : count(data.length)}>
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {data?.length === 0 && <p className={css.dim}>{words.none}</p>}
      {data !== undefined && data.length > 0 && (
        <PlainTable
          label={words.table}
          columns={[
            { title: words.columns.host },
            { title: words.columns.place },
            { title: words.columns.version },
            { title: words.columns.since, end: true },
            { title: words.columns.state },
          ]}
          rows={data.map((session) => ({
            key: session.sid,
            hover: `${session.addresses.join(', ')}  pid ${session.pid}`,
            cells: [
              session.host,
              session.mountPoint,
              session.version,
              session.sinceMs === null ? '–' : <TimeAgo key="since" atMs={session.sinceMs} />,
              session.stale ? (
                <span key="state" className={css.state}>
                  <ToneDot tone="bad" /> {words.stale}
                </span>
              ) : session.isThisMount ? (
                words.here
              ) : session.isThisComputer ? (
                words.thisComputer
              ) : (
                ''
              ),
            ],
          }))}
        />
      )}
    </Panel>
  )
}
