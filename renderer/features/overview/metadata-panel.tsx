import { useQuery } from '@tanstack/react-query'
import type { EngineKind } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Facts } from '../../components/facts.tsx'
import { Findings } from '../../components/findings.tsx'
import { Panel } from '../../components/panel.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes } from '../../format/bytes.ts'
import { percent } from '../../format/number.ts'
import { exactTime, latency } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './panels.module.css'

/** How the metadata server is, with a forecast in words. */
export function MetadataPanel({ id, engine }: { readonly id: string; readonly engine: EngineKind }) {
  const { trpc } = useApi()
  const words = s.overview.metadata
  const { data, error, refetch } = useQuery({
    queryKey: ['health', id],
    queryFn: ({ signal }) => trpc.volumes.health.query({ id }, { signal }),
    refetchInterval: 15_000,
  })
  return (
    <Panel title={words.title} note={s.common.engines[engine]}>
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <div className={css.stack}>
          <Facts
            ends
            facts={[
              { label: words.address, value: data.address },
              { label: words.roundTrip, value: data.roundTripMs === null ? '–' : latency(data.roundTripMs) },
              {
                label: words.used,
                value:
                  data.usedBytes === null
                    ? '–'
                    : data.limitBytes === null
                      ? bytes(data.usedBytes)
                      : `${s.common.of(bytes(data.usedBytes), bytes(data.limitBytes))} · ${percent(data.usedBytes, data.limitBytes)}`,
              },
              ...(data.bytesPerInode === null
                ? []
                : [{ label: words.perInode, value: bytes(data.bytesPerInode) }]),
              ...(data.forecast === null
                ? []
                : [
                    {
                      label: words.forecast,
                      value: data.forecast.sentence,
                      hover: data.forecast.fullAtMs === null ? undefined : exactTime(data.forecast.fullAtMs),
                    },
                  ]),
              {
                label: words.backup,
                value: data.lastBackupMs === null ? words.never : <TimeAgo atMs={data.lastBackupMs} />,
              },
            ]}
          />
          <Findings findings={data.findings} />
        </div>
      )}
    </Panel>
  )
}
