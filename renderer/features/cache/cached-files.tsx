import { Button } from '@mantine/core'
import { IconCloudDownload, IconEraser, IconPin } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { CachedFile } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { useTasks, useVolume } from '../../api/live.ts'
import { type PinActions, usePinActions } from '../../api/pins.ts'
import { DropDialog } from '../../components/drop-dialog.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { IconAction } from '../../components/icon-action.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { WarmUpDialog } from '../../components/warm-up-dialog.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './cache-tab.module.css'
import { CACHED_PAGE, cachedTable } from './tables.ts'

const words = s.cache.used
/** Tasks that change what is here. */
const CHANGING: readonly string[] = ['warm-up', 'drop-cache', 'pin']
/** From hot to cold, as the answer is ordered. */
const HEAT = ['var(--waiting-fill)', 'var(--tier-disk)', 'var(--tier-memory)', 'var(--idle-fill)']

type Asked = { readonly kind: 'warm' | 'drop'; readonly path: string; readonly here: string }

/** Which files are here and when they were used last; to keep, drop or complete them. */
export function CachedFiles({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const pins = usePinActions(id)
  const name = useVolume(id)?.name ?? id
  const [asked, setAsked] = useState<Asked>()
  const { data, error, refetch, isFetching, dataUpdatedAt } = useQuery({
    queryKey: ['inspect', 'cached', id],
    queryFn: ({ signal }) => trpc.inspect.cached.query({ id }, { signal }),
    placeholderData: keepPreviousData,
  })
  const work = useTasks()
    .filter(({ kind, volumeId }) => volumeId === id && CHANGING.includes(kind))
    .map(({ taskId, state }) => `${taskId} ${state}`)
    .join()
  useEffect(() => {
    if (work !== '') void refetch()
  }, [work, refetch])
  return (
    <Panel
      title={words.title}
      note={data && words.note(count(data.blocks), bytes(data.bytes))}
      actions={
        <>
          <ExportMenu
            label={words.title}
            table={cachedTable(`${name} ${words.title}`, (from, signal) =>
              trpc.inspect.cached.query({ id, from, limit: CACHED_PAGE }, { signal }),
            )}
            disabled={data === undefined || data.files.length === 0}
          />
          <Button variant="default" size="compact-sm" loading={isFetching} onClick={() => void refetch()}>
            {words.again}
          </Button>
        </>
      }
    >
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {data !== undefined && data.blocks > 0 && (
        <>
          <div className={css.uses}>
            <StackedBar
              label={words.label}
              parts={data.lastUse.map(({ withinMs, bytes: size }, at) => ({
                key: words.within(withinMs),
                label: words.within(withinMs),
                value: size,
                color: HEAT[at]!,
                text: bytes(size),
                hover: exactBytes(size),
              }))}
            />
          </div>
          <PlainTable
            label={words.table}
            columns={[
              { title: words.columns.file },
              { title: words.columns.here, end: true },
              { title: words.columns.share, end: true },
              { title: words.columns.used, end: true },
              { title: '', end: true },
            ]}
            rows={data.files.map((file) => rowOf(id, file, dataUpdatedAt, pins, setAsked))}
          />
          {data.more > 0 && <p className={css.dim}>{words.more(count(data.more))}</p>}
        </>
      )}
      {data?.blocks === 0 && <p className={css.dim}>{words.none}</p>}
      {asked?.kind === 'warm' && (
        <WarmUpDialog id={id} paths={[asked.path]} what={asked.path} onClose={() => setAsked(undefined)} />
      )}
      {asked?.kind === 'drop' && (
        <DropDialog
          id={id}
          path={asked.path}
          what={asked.path}
          here={asked.here}
          onClose={() => setAsked(undefined)}
        />
      )}
    </Panel>
  )
}

function rowOf(
  id: string,
  { file, cachedBytes, share, stagedBytes, keptBytes, idleMs }: CachedFile,
  asOfMs: number,
  pins: PinActions,
  onAsk: (asked: Asked) => void,
) {
  const [path] = file.paths
  const here = bytes(cachedBytes)
  return {
    key: file.inode,
    cells: [
      <span key="file" className={css.file}>
        {path === undefined ? (
          words.inode(file.inode)
        ) : (
          <a href={volumeHref(id, 'inspect', `/file${path}`)}>{path}</a>
        )}
        {keptBytes > 0 && <span className={css.dim}>{words.kept}</span>}
        {stagedBytes > 0 && <span className={css.dim}>{words.staged(bytes(stagedBytes))}</span>}
      </span>,
      <span key="here" title={exactBytes(cachedBytes)}>
        {here}
      </span>,
      percent(Math.round(share * 1000), 1000),
      idleMs === null ? words.unused : <TimeAgo key="used" atMs={asOfMs - idleMs} />,
      path !== undefined && file.state === 'live' && (
        <span key="actions" className={css.actions}>
          <IconAction
            icon={IconCloudDownload}
            label={words.warmUp(path)}
            disabled={share >= 1}
            onClick={() => onAsk({ kind: 'warm', path, here })}
          />
          <IconAction
            icon={IconPin}
            label={words.pin(path)}
            disabled={keptBytes > 0}
            onClick={() => pins.pin([path], path)}
          />
          <IconAction
            icon={IconEraser}
            label={words.drop(path)}
            disabled={keptBytes > 0}
            onClick={() => onAsk({ kind: 'drop', path, here })}
          />
        </span>
      ),
    ],
  }
}
