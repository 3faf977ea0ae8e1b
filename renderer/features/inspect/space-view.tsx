import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { SpaceView as Space, SpaceEntry } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { Crumbs } from '../../components/crumbs.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { Notice } from '../../components/notice.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import map from '../../components/treemap.module.css'
import { squarify } from '../../components/treemap.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { NoSurvey, SurveyButton } from './bucket-view.tsx'
import css from './inspect-tab.module.css'
import own from './space-view.module.css'
import { useListedMs } from './use-inspector.ts'

const words = s.inspect.space
const HEIGHT = 380
const LEAST_TEXT = { width: 64, height: 36 }

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
          </Panel>
          <Folders id={id} />
          <div className={css.two}>
            <Panel title={words.owners}>
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
            <Panel title={words.ages}>
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

function Folders({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const { data: listedMs } = useListedMs(id)
  const [path, setPath] = useState('/')
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'folder', id, path, listedMs],
    queryFn: ({ signal }) => trpc.inspect.folder.query({ id, path }, { signal }),
  })
  const entries = data?.entries.filter((entry) => sizeOf(entry) > 0) ?? []
  return (
    <Panel
      title={words.folders}
      actions={<Crumbs label={words.path} path={path} root={words.root} onPath={setPath} />}
    >
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      <Cells id={id} path={path} entries={entries} onOpen={setPath} />
      {data != null && entries.length === 0 && <p className={css.dim}>{words.nothing}</p>}
      {data != null && data.more > 0 && <p className={css.dim}>{words.more(count(data.more))}</p>}
    </Panel>
  )
}

interface CellsProps {
  readonly id: string
  readonly path: string
  readonly entries: readonly SpaceEntry[]
  readonly onOpen: (path: string) => void
}

/** Area: bytes in the bucket. A folder opens, a file shows its map. */
function Cells({ id, path, entries, onOpen }: CellsProps) {
  const host = useRef<HTMLUListElement>(null)
  const width = useWidth(host, 4)
  const rects = squarify(entries.map(sizeOf), width, HEIGHT)
  return (
    <ul
      ref={host}
      className={map.map}
      style={{ height: entries.length === 0 ? 0 : HEIGHT }}
      aria-label={words.foldersLabel(path)}
    >
      {entries.map((entry, at) => {
        const { x, y, width: wide, height: high } = rects[at]!
        const label = words.cell(entry.name, bytes(sizeOf(entry)))
        const content = (
          <>
            <span
              className={`${map.filling} ${own.live}`}
              style={{ width: `${(entry.live / sizeOf(entry)) * 100}%` }}
            />
            {wide >= LEAST_TEXT.width && high >= LEAST_TEXT.height && (
              <span className={map.words} aria-hidden>
                <strong>{entry.name}</strong>
                <span>{bytes(sizeOf(entry))}</span>
                {entry.directory && <span>{words.files(count(entry.files))}</span>}
              </span>
            )}
          </>
        )
        return (
          <li key={entry.path} style={{ left: x, top: y, width: wide, height: high }}>
            {entry.directory ? (
              <button
                type="button"
                className={map.cell}
                aria-label={label}
                title={label}
                onClick={() => onOpen(entry.path)}
              >
                {content}
              </button>
            ) : (
              <a
                className={map.cell}
                href={volumeHref(id, 'inspect', `/file${entry.path}`)}
                aria-label={label}
                title={label}
              >
                {content}
              </a>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function sizeOf({ live, trash, shadowed }: SpaceEntry): number {
  return live + trash + shadowed
}
