import { Button, MultiSelect, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { EventLevel, LogEvent } from '#core/api/events.ts'
import { useApi } from '../../api/api.ts'
import { whenVisible } from '../../api/when-visible.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { type Column, Grid } from '../../components/grid.tsx'
import { ToneDot } from '../../components/state-mark.tsx'
import { useDebounced } from '../../components/use-debounced.ts'
import { exactTime } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'
import { EventDetails } from './event-details.tsx'

const LEVELS: readonly EventLevel[] = ['info', 'warning', 'error']
const TONES = { info: 'idle', warning: 'waiting', error: 'bad' } as const
const PAGE = 200

const words = s.activity.events.columns
const COLUMNS: readonly Column<LogEvent>[] = [
  {
    key: 'time',
    title: words.time,
    width: '144px',
    render: ({ atMs }) => <span className={css.dim}>{exactTime(atMs)}</span>,
  },
  {
    key: 'level',
    title: words.level,
    width: '104px',
    render: ({ level }) => (
      <span className={css.level}>
        <ToneDot tone={TONES[level]} /> {s.activity.levelOne[level]}
      </span>
    ),
  },
  {
    key: 'volume',
    title: words.volume,
    width: '128px',
    from: 720,
    render: ({ volumeName }) => volumeName ?? '',
  },
  {
    key: 'what',
    title: words.what,
    width: 'minmax(200px, 1fr)',
    render: ({ sentence }) => <span title={sentence}>{sentence}</span>,
  },
]

/** What happened, newest first; filtered where it is kept, so that nothing is left out. */
export function EventList({ volumeId }: { readonly volumeId?: string }) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const [typed, setTyped] = useState('')
  const [levels, setLevels] = useState<readonly EventLevel[]>([])
  const [shown, setShown] = useState<LogEvent | null>(null)
  const text = useDebounced(typed.trim(), 200)
  const queryKey = ['events', volumeId, text, levels]
  const query = useInfiniteQuery({
    queryKey,
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam, signal }) =>
      trpc.events.list.query(
        {
          limit: PAGE,
          ...(volumeId === undefined ? {} : { id: volumeId }),
          ...(text === '' ? {} : { text }),
          ...(levels.length === 0 ? {} : { levels: [...levels] }),
          ...(pageParam === undefined ? {} : { beforeId: pageParam }),
        },
        { signal },
      ),
    getNextPageParam: ({ events, more }) => (more ? events.at(-1)?.eventId : undefined),
  })
  // A new event reads the list again; events are few.
  useEffect(
    () =>
      whenVisible(() => {
        const watch = trpc.events.watch.subscribe(undefined, {
          onData: () => void client.invalidateQueries({ queryKey: ['events'] }),
          onError: () => undefined,
        })
        return () => watch.unsubscribe()
      }),
    [trpc, client],
  )
  const events = query.data?.pages.flatMap((page) => page.events) ?? []
  const strings = s.activity.events
  return (
    <section className={css.events} aria-label={strings.title}>
      <header className={css.filters}>
        <h2>{strings.title}</h2>
        <TextInput
          className={css.filter}
          size="xs"
          leftSection={<IconSearch size={14} />}
          placeholder={strings.filter}
          aria-label={strings.filter}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <MultiSelect
          className={css.levels}
          size="xs"
          placeholder={levels.length === 0 ? strings.levels : ''}
          aria-label={strings.levels}
          data={LEVELS.map((value) => ({ value, label: s.activity.levels[value] }))}
          value={[...levels]}
          onChange={(next) => setLevels(next as EventLevel[])}
        />
      </header>
      {query.error !== null && (
        <ErrorNote error={query.error} doing={strings.reading} onRetry={() => void query.refetch()} />
      )}
      {query.isSuccess && events.length === 0 && <p className={css.none}>{strings.none}</p>}
      {events.length > 0 && (
        <Grid
          label={strings.table}
          columns={COLUMNS}
          count={events.length}
          itemAt={(index) => events[index]}
          nameOf={({ sentence }) => sentence}
          onOpen={setShown}
          onPress={(_, event) => setShown(event)}
        />
      )}
      {query.hasNextPage && (
        <Button
          className={css.older}
          variant="default"
          size="compact-sm"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {strings.more}
        </Button>
      )}
      {shown !== null && <EventDetails event={shown} onClose={() => setShown(null)} />}
    </section>
  )
}
