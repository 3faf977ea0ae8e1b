import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { SpaceEntry } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { Crumbs } from '../../components/crumbs.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import map from '../../components/treemap.module.css'
import { squarify } from '../../components/treemap.ts'
import { useWidth } from '../../components/use-width.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './inspect-tab.module.css'
import own from './space-view.module.css'
import { EXPORT_PAGE, folderTable } from './tables.ts'
import { useListedMs, useTableName } from './use-inspector.ts'

const words = s.inspect.space
const HEIGHT = 380
const LEAST_TEXT = { width: 64, height: 36 }

/** Where in the tree the bytes are: as areas, and as a table. */
export function SpaceFolders({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const { data: listedMs } = useListedMs(id)
  const [path, setPath] = useState('/')
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'folder', id, path, listedMs],
    queryFn: ({ signal }) => trpc.inspect.folder.query({ id, path }, { signal }),
  })
  const entries = data?.entries.filter((entry) => sizeOf(entry) > 0) ?? []
  const tableName = useTableName(id, `${s.inspect.views.space} ${path.slice(1).replaceAll('/', ' ')}`.trim())
  return (
    <Panel
      title={words.folders}
      actions={
        <>
          <Crumbs label={words.path} path={path} root={words.root} onPath={setPath} />
          <ExportMenu
            label={words.folders}
            table={folderTable(tableName, (from, signal) =>
              trpc.inspect.folder.query({ id, path, from, limit: EXPORT_PAGE }, { signal }),
            )}
            disabled={entries.length === 0}
          />
        </>
      }
    >
      <div className={css.stack}>
        {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
        <Cells id={id} path={path} entries={entries} onOpen={setPath} />
        {entries.length > 0 && <Entries id={id} entries={entries} onOpen={setPath} />}
        {data != null && entries.length === 0 && <p className={css.dim}>{words.nothing}</p>}
        {data != null && data.more > 0 && <p className={css.dim}>{words.more(count(data.more))}</p>}
      </div>
    </Panel>
  )
}

interface EntriesProps {
  readonly id: string
  readonly entries: readonly SpaceEntry[]
  readonly onOpen: (path: string) => void
}

/** The same in numbers. */
function Entries({ id, entries, onOpen }: EntriesProps) {
  const { name, count: files, live, trash, shadowed } = words.columns
  return (
    <PlainTable
      label={words.folders}
      columns={[{ title: name }, ...[files, live, trash, shadowed].map((title) => ({ title, end: true }))]}
      rows={entries.map((entry) => ({
        key: entry.path,
        hover: entry.path,
        cells: [
          entry.directory ? (
            <button key="name" type="button" className={css.asLink} onClick={() => onOpen(entry.path)}>
              {entry.name}/
            </button>
          ) : (
            <a key="name" className={css.asLink} href={volumeHref(id, 'inspect', `/file${entry.path}`)}>
              {entry.name}
            </a>
          ),
          count(entry.files),
          ...[entry.live, entry.trash, entry.shadowed].map((size) => (size === 0 ? '–' : bytes(size))),
        ],
      }))}
    />
  )
}

interface CellsProps extends EntriesProps {
  readonly path: string
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
                {entry.directory && <span>{words.files(entry.files)}</span>}
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
