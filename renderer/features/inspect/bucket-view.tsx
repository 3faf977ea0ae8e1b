import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useState, useSyncExternalStore } from 'react'
import type { BucketObject } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { type Column, Grid } from '../../components/grid.tsx'
import { go } from '../../components/navigate.ts'
import { volumeHref } from '../../components/route.ts'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { shortTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './bucket-view.module.css'
import { FolderList } from './folder-list.tsx'
import { ObjectPages } from './object-pages.ts'
import { ObjectPanel } from './object-panel.tsx'
import { placeOfSearch } from './search.ts'
import { EVERYTHING, type SliceRange } from './slice-range.ts'
import { objectTable } from './tables.ts'
import { useListedMs, useTableName, useTask } from './use-inspector.ts'

const words = s.inspect.bucket

const COLUMNS: readonly Column<BucketObject>[] = [
  {
    key: 'key',
    title: words.columns.key,
    width: 'minmax(130px, 1fr)',
    render: ({ key }) => <code title={key}>{key.slice(key.lastIndexOf('/') + 1)}</code>,
  },
  {
    key: 'file',
    title: words.columns.file,
    width: 'minmax(120px, 1fr)',
    render: (object) => <User object={object} />,
  },
  {
    key: 'size',
    title: words.columns.size,
    width: '80px',
    end: true,
    from: 620,
    render: ({ size }) => <span title={exactBytes(size)}>{bytes(size)}</span>,
  },
  {
    key: 'stored',
    title: words.columns.stored,
    width: '80px',
    end: true,
    render: ({ stored }) => <span title={exactBytes(stored)}>{bytes(stored)}</span>,
  },
  {
    key: 'time',
    title: words.columns.time,
    width: '124px',
    from: 760,
    render: ({ mtimeMs }) => shortTime(mtimeMs),
  },
]

function User({ object: { path, moreFiles } }: { readonly object: BucketObject }) {
  if (path === null) return <span className={css.nobody}>{words.nobody}</span>
  return <span title={path}>{moreFiles > 0 ? words.more(path, moreFiles) : path}</span>
}

/** The bucket, flat or by folders; beside it what is known of the chosen object. */
export function BucketView({ id, place }: { readonly id: string; readonly place: string }) {
  const slice = /^slice\/(\d+)$/.exec(place)?.[1]
  const chosen = slice !== undefined || place === '' ? undefined : place
  const [range, setRange] = useState<SliceRange>(() => rangeOf(slice))
  const [isFlat, setFlat] = useState(true)
  useEffect(() => {
    if (slice !== undefined) setRange(rangeOf(slice))
  }, [slice])
  const { data: listedMs, error } = useListedMs(id)
  const pages = useObjectPages(id, range, listedMs)
  const fileName = useTableName(id, s.inspect.views.bucket)
  const choose = (key: string) => go(volumeHref(id, 'inspect', `/bucket/${key}`))
  if (listedMs === null && chosen === undefined) return <NoSurvey id={id} />
  return (
    <div className={css.bucket}>
      <div className={css.bar}>
        <Search id={id} />
        <SegmentedControl
          size="xs"
          aria-label={words.table}
          value={isFlat ? 'flat' : 'tree'}
          onChange={(value) => {
            setFlat(value === 'flat')
            setRange(EVERYTHING)
          }}
          data={[
            { value: 'flat', label: words.flat },
            { value: 'tree', label: words.tree },
          ]}
        />
        {isFlat && range !== EVERYTHING && (
          <Button
            variant="light"
            size="compact-sm"
            rightSection={<IconX size={14} aria-hidden />}
            aria-label={words.showAll}
            onClick={() => {
              setRange(EVERYTHING)
              go(volumeHref(id, 'inspect', '/bucket'))
            }}
          >
            {words.onlySlice(range.firstSlice)}
          </Button>
        )}
        <span className={css.note}>
          {pages.listedMs != null && (
            <>
              {words.count(count(pages.total))}
              {' · '}
              {s.inspect.survey.listed} <TimeAgo atMs={pages.listedMs} />
            </>
          )}
        </span>
        <ExportMenu
          table={objectTable(fileName, pages.read, pages.total, words.changed)}
          disabled={pages.total === 0}
        />
        <SurveyButton id={id} again />
      </div>
      <ReadError error={error ?? pages.error} />
      <div className={css.body}>
        <div className={css.list}>
          {!isFlat && <FolderList id={id} range={range} onRange={setRange} />}
          {(isFlat || range !== EVERYTHING) && (
            <Grid
              label={words.table}
              columns={COLUMNS}
              count={pages.total}
              itemAt={(index) => pages.at(index)}
              nameOf={({ key }) => key}
              onOpen={({ key }) => choose(key)}
              onPress={(_, { key }) => choose(key)}
              isSelected={({ key }) => key === chosen}
            />
          )}
        </div>
        {chosen === undefined ? (
          <aside className={css.side}>
            <p className={css.dim}>{words.choose}</p>
          </aside>
        ) : (
          <ObjectPanel key={chosen} id={id} objectKey={chosen} className={css.side} />
        )}
      </div>
    </div>
  )
}

function ReadError({ error }: { readonly error: unknown }) {
  return error === null ? null : <ErrorNote error={error} doing={words.reading} />
}

function rangeOf(slice: string | undefined): SliceRange {
  return slice === undefined ? EVERYTHING : { firstSlice: Number(slice), endSlice: Number(slice) + 1 }
}

/** `listedMs`: of the last survey; a new one is another list. What is shown stays until that was read. */
function useObjectPages(id: string, range: SliceRange, listedMs: number | null | undefined): ObjectPages {
  const { trpc } = useApi()
  const [pages, setPages] = useState(() => new ObjectPages(() => new Promise(() => {})))
  useEffect(() => {
    if (listedMs == null) return
    const fresh = new ObjectPages((from, limit, signal) =>
      trpc.inspect.bucket.query({ id, ...range, from, limit }, { signal }),
    )
    const unsubscribe = fresh.subscribe(() => setPages(fresh))
    return () => {
      fresh.close()
      unsubscribe()
    }
  }, [trpc, id, range, listedMs])
  useSyncExternalStore(pages.subscribe, () => pages.version)
  return pages
}

function Search({ id }: { readonly id: string }) {
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState(false)
  return (
    <form
      className={css.search}
      onSubmit={(event) => {
        event.preventDefault()
        const place = placeOfSearch(text)
        setWrong(place === undefined)
        if (place !== undefined) go(volumeHref(id, 'inspect', place))
      }}
    >
      <TextInput
        size="xs"
        aria-label={words.search}
        placeholder={words.search}
        value={text}
        error={wrong ? words.notFound : undefined}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" size="xs">
        {words.find}
      </Button>
    </form>
  )
}

export function SurveyButton({ id, again = false }: { readonly id: string; readonly again?: boolean }) {
  const survey = useTask(s.inspect.survey)
  return (
    <Button
      variant={again ? 'default' : 'filled'}
      size={again ? 'compact-sm' : 'sm'}
      loading={survey.isPending}
      onClick={() => survey.mutate({ kind: 'survey', id })}
    >
      {again ? s.inspect.survey.again : s.inspect.survey.start}
    </Button>
  )
}

export function NoSurvey({ id }: { readonly id: string }) {
  return (
    <Empty title={s.inspect.survey.none} actions={<SurveyButton id={id} />}>
      <p>{s.inspect.survey.noneText}</p>
    </Empty>
  )
}
