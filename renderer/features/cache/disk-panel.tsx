import { useQuery } from '@tanstack/react-query'
import type { CacheOverview } from '#core/api/settings.ts'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './cache-tab.module.css'
import { diskParts, type DiskPart } from './disk-parts.ts'

const COLORS: Readonly<Record<DiskPart, string>> = {
  here: 'var(--tier-disk)',
  staged: 'var(--waiting-fill)',
  others: 'var(--tier-memory)',
  rest: 'var(--idle-fill)',
  free: 'var(--sunken)',
  reserve: 'var(--border-strong)',
}

/** The disk of the cache, whose free space is the limit that counts. */
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
      {data !== undefined && <Disk id={id} overview={data} />}
    </Panel>
  )
}

function Disk({ id, overview }: { readonly id: string; readonly overview: CacheOverview }) {
  const words = s.cache.disk
  return (
    <div className={css.disk}>
      <StackedBar
        label={words.label}
        parts={diskParts(overview, id).map(({ part, size }) => ({
          key: words[part],
          label: words[part],
          value: size,
          color: COLORS[part],
          text: bytes(size),
          hover: `${words.hovers[part]} ${exactBytes(size)}`,
        }))}
      />
      <Facts
        facts={[
          { label: words.folder, value: <CopyText text={overview.dir} /> },
          { label: words.limit, value: overview.limitBytes === 0 ? s.common.noLimit : bytes(overview.limitBytes) },
        ]}
      />
    </div>
  )
}
