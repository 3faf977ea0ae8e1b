import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { DiskBar } from '../../components/disk-bar.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { bytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './cache-tab.module.css'

/** The disk of the cache and the place of this volume on it. */
export function DiskPanel({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const words = s.cache.disk
  const { data, error, refetch } = useQuery({
    queryKey: ['cache'],
    queryFn: ({ signal }) => trpc.system.cache.query(undefined, { signal }),
    refetchInterval: 5000,
  })
  return (
    <Panel title={words.title}>
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <div className={css.disk}>
          <DiskBar overview={data} id={id} />
          <Facts
            facts={[
              { label: words.folder, value: <CopyText text={data.dir} /> },
              {
                label: words.limit,
                value: data.limitBytes === 0 ? s.common.noLimit : bytes(data.limitBytes),
              },
            ]}
          />
        </div>
      )}
    </Panel>
  )
}
