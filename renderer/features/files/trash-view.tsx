import { Button } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { TrashItem } from '#core/api/files.ts'
import { useApi } from '../../api/api.ts'
import { useVolume } from '../../api/live.ts'
import { ConfirmName } from '../../components/confirm-name.tsx'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { type Column, Grid } from '../../components/grid.tsx'
import { Notice } from '../../components/notice.tsx'
import { useUi } from '../../components/ui-store.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { NOTHING, pressed, toggled } from './selection.ts'
import { hourText } from './trash-hour.ts'
import css from './trash-view.module.css'

const COLUMNS: readonly Column<TrashItem>[] = [
  {
    key: 'name',
    title: s.files.trashView.columns.name,
    width: 'minmax(160px, 1fr)',
    render: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    key: 'from',
    title: s.files.trashView.columns.from,
    width: 'minmax(160px, 1fr)',
    render: ({ from }) => <span title={from ?? undefined}>{from ?? s.files.trashView.unknownPlace}</span>,
  },
  {
    key: 'size',
    title: s.files.trashView.columns.size,
    width: '88px',
    end: true,
    render: ({ type, size }) => (type === 'directory' ? '–' : bytes(size)),
  },
]

interface Props {
  readonly id: string
  readonly onBack: () => void
}

/** Deleted files by the hour of their deletion, and the way back. */
export function TrashView({ id, onBack }: Props) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const words = s.files.trashView
  const [wanted, setHour] = useState<string | null>(null)
  const [selection, setSelection] = useState(NOTHING)
  const [emptying, setEmptying] = useState(false)
  const hours = useQuery({
    queryKey: ['trash', id],
    queryFn: ({ signal }) => trpc.files.trashHours.query({ id }, { signal }),
    refetchInterval: 5000,
  })
  const hour = hours.data?.some((each) => each.hour === wanted) ? wanted : (hours.data?.[0]?.hour ?? null)
  const items = useQuery({
    queryKey: ['trash', id, hour],
    queryFn: ({ signal }) => trpc.files.trashList.query({ id, hour: hour!, limit: 5000 }, { signal }),
    enabled: hour !== null,
  })
  const again = () => client.invalidateQueries({ queryKey: ['trash', id] })

  const restore = useMutation({
    mutationFn: (keys: readonly string[]) => trpc.files.restore.mutate({ id, keys: [...keys] }),
    async onSuccess(outcomes) {
      const failures = outcomes.filter(({ error }) => error !== undefined)
      const { say, fail } = useUi.getState()
      const done = outcomes.length - failures.length
      if (done > 0) say(words.restored(s.files.items(done)))
      for (const { path, error, next } of failures.slice(0, 3))
        fail(
          { message: error, data: { kind: 'refused', next } },
          s.files.doing.restore(path),
          words.someFailed(done, outcomes.length),
        )
      setSelection(NOTHING)
      await again()
    },
  })
  const restoreHour = useMutation({
    mutationFn: (whole: string) => trpc.tasks.start.mutate({ kind: 'restore-trash', id, hours: [whole] }),
    onSuccess: () => useUi.getState().say(s.files.warm.started),
  })

  const shown = items.data?.items ?? []
  const keyAt = (index: number) => shown[index]?.key
  const error = hours.error ?? items.error
  return (
    <div className={css.trash}>
      <header className={css.bar}>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconArrowLeft size={14} />}
          onClick={onBack}
        >
          {s.files.backToFiles}
        </Button>
        <h2>{s.files.trash}</h2>
        <span className={css.gap} />
        {hour !== null && (
          <Button variant="default" size="compact-sm" onClick={() => setEmptying(true)}>
            {words.emptyAll}
          </Button>
        )}
        {hour !== null && (
          <Button
            variant="default"
            size="compact-sm"
            loading={restoreHour.isPending}
            onClick={() => restoreHour.mutate(hour)}
          >
            {words.restoreHour}
          </Button>
        )}
        <Button
          size="compact-sm"
          disabled={selection.paths.size === 0}
          loading={restore.isPending}
          onClick={() => restore.mutate([...selection.paths])}
        >
          {words.restore} {selection.paths.size > 0 && s.files.items(selection.paths.size)}
        </Button>
      </header>
      {error !== null && <ErrorNote error={error} doing={s.files.doing.trash} onRetry={() => void again()} />}
      {(restore.error ?? restoreHour.error) !== null && (
        <ErrorNote error={restore.error ?? restoreHour.error} doing={s.files.doing.restore(hour ?? '')} />
      )}
      {hours.data?.length === 0 ? (
        <Empty title={words.empty}>{words.emptyText}</Empty>
      ) : (
        <div className={css.panes}>
          <nav className={css.hours} aria-label={words.hours}>
            {hours.data?.map((each) => (
              <button
                key={each.hour}
                type="button"
                aria-current={each.hour === hour || undefined}
                onClick={() => {
                  setHour(each.hour)
                  setSelection(NOTHING)
                }}
              >
                {hourText(each.hour)}
                <span>{count(each.entries)}</span>
              </button>
            ))}
          </nav>
          <Grid
            label={words.table}
            columns={COLUMNS}
            count={shown.length}
            itemAt={(index) => shown[index]}
            nameOf={({ name }) => name}
            onMove={(index, extend) =>
              setSelection(pressed(selection, index, { toggle: false, extend }, keyAt))
            }
            onPress={(event, _, index) =>
              setSelection(
                pressed(
                  selection,
                  index,
                  { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey },
                  keyAt,
                ),
              )
            }
            onKey={(event, index) => {
              if (event.key !== ' ') return false
              setSelection(toggled(selection, index, keyAt))
              return true
            }}
            isSelected={({ key }) => selection.paths.has(key)}
          />
        </div>
      )}
      {emptying && <EmptyDialog id={id} onClose={() => setEmptying(false)} />}
    </div>
  )
}

function EmptyDialog({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { trpc } = useApi()
  const words = s.files.trashView
  const name = useVolume(id)?.name ?? ''
  const start = useMutation({
    mutationFn: (confirm: string) => trpc.tasks.start.mutate({ kind: 'empty-trash', id, confirm }),
    onSuccess() {
      useUi.getState().say(s.files.warm.started)
      onClose()
    },
  })
  return (
    <ConfirmName
      title={words.emptyTitle(name)}
      name={name}
      button={words.emptyConfirm}
      busy={start.isPending}
      error={start.error}
      onConfirm={(typed) => start.mutate(typed)}
      onClose={onClose}
    >
      <Notice tone="waiting">{words.emptyWarning}</Notice>
    </ConfirmName>
  )
}
