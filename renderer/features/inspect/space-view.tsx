import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { SpaceView as Space } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { Notice } from '../../components/notice.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { NoSurvey, SurveyButton } from './bucket-view.tsx'
import css from './inspect-tab.module.css'
import { SpaceFolders } from './space-folders.tsx'
import { ageTable, ownerTable } from './tables.ts'
import { useListedMs, useTableName } from './use-inspector.ts'

const words = s.inspect.space

const COLORS: Readonly<Record<keyof Space['classes'], string>> = {
  live: 'var(--accent)',
  trash: 'var(--waiting-fill)',
  pending: 'var(--series-3)',
  shadowed: 'var(--tier-kernel)',
  replaced: 'var(--idle-fill)',
  young: 'var(--tier-memory)',
  leaked: 'var(--bad-fill)',
  other: 'var(--border-strong)',
}

/** Why the bucket is as large as it is, by the last survey. */
export function SpaceView({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const { data: listedMs } = useListedMs(id)
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'space', id, listedMs],
    queryFn: ({ signal }) => trpc.inspect.space.query({ id }, { signal }),
    placeholderData: keepPreviousData,
  })
  const tableName = useTableName(id, s.inspect.views.space)
  if (data === null) return <NoSurvey id={id} />
  return (
    <div className={css.scrolls}>
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <>
          <Panel
            title={words.title}
            note={
              <>
                {words.total(bytes(data.bytes), count(data.objects))} · {s.inspect.survey.listed}{' '}
                <TimeAgo atMs={data.listedToMs} />
              </>
            }
            actions={<SurveyButton id={id} again />}
          >
            <div className={css.stack}>
              {data.missing.count > 0 && (
                <Notice tone="bad">
                  {words.missing(count(data.missing.count), bytes(data.missing.bytes))}
                </Notice>
              )}
              <StackedBar
                label={words.label}
                parts={(Object.keys(COLORS) as (keyof Space['classes'])[]).map((name) => ({
                  key: words.classes[name],
                  label: words.classes[name],
                  value: data.classes[name],
                  color: COLORS[name],
                  text: bytes(data.classes[name]),
                  hover: `${words.hovers[name]} ${exactBytes(data.classes[name])}`,
                }))}
              />
            </div>
          </Panel>
          {data.unfinished && <Notice tone="waiting">{words.unfinished}</Notice>}
          <SpaceFolders id={id} />
          <div className={css.two}>
            <Panel
              title={words.owners}
              actions={
                <ExportMenu
                  label={words.owners}
                  table={ownerTable(`${tableName} ${words.owners}`, data.owners)}
                />
              }
            >
              <PlainTable
                label={words.owners}
                columns={[
                  { title: words.owner },
                  { title: words.count, end: true },
                  { title: words.size, end: true },
                ]}
                rows={data.owners.map(({ uid, files, bytes: size }) => ({
                  key: String(uid),
                  cells: [String(uid), count(files), bytes(size)],
                }))}
              />
            </Panel>
            <Panel
              title={words.ages}
              actions={
                <ExportMenu label={words.ages} table={ageTable(`${tableName} ${words.ages}`, data.ages)} />
              }
            >
              <PlainTable
                label={words.ages}
                columns={[
                  { title: words.age },
                  { title: words.count, end: true },
                  { title: words.size, end: true },
                ]}
                rows={data.ages.map(({ underDays, files, bytes: size }) => ({
                  key: String(underDays),
                  cells: [
                    underDays === null ? words.older : words.within(underDays),
                    count(files),
                    bytes(size),
                  ],
                }))}
              />
            </Panel>
          </div>
        </>
      )}
    </div>
  )
}
