import { Button } from '@mantine/core'
import type { Pin } from '#core/api/files.ts'
import { usePinActions, usePins } from '../../api/pins.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './cache-tab.module.css'

/** What is kept on this computer whatever the cache's size, and how much of it is here. */
export function PinsPanel({ id }: { readonly id: string }) {
  const words = s.cache.pins
  const { pins, error, refetch } = usePins(id)
  const actions = usePinActions(id)
  return (
    <Panel title={words.title} note={pins.length === 0 ? undefined : count(pins.length)}>
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {pins.length === 0 ? (
        <p className={css.dim}>{words.none}</p>
      ) : (
        <PlainTable
          label={words.title}
          columns={[
            { title: words.columns.path },
            { title: words.columns.files, end: true },
            { title: words.columns.size, end: true },
            { title: words.columns.here, end: true },
            { title: words.columns.since, end: true },
            { title: '', end: true },
          ]}
          rows={pins.map((pin) => ({
            key: pin.ino,
            hover: pin.note,
            cells: [
              pin.path ?? words.inTrash,
              pin.files === null ? '–' : count(pin.files),
              pin.bytes === null ? (
                '–'
              ) : (
                <span key="size" title={exactBytes(pin.bytes)}>
                  {bytes(pin.bytes)}
                </span>
              ),
              hereOf(pin),
              <TimeAgo key="since" atMs={pin.sinceMs} />,
              <Button
                key="unpin"
                variant="default"
                size="compact-sm"
                onClick={() => actions.unpin([pin.ino], pin.path ?? words.inTrash)}
              >
                {words.unpin}
              </Button>,
            ],
          }))}
        />
      )}
    </Panel>
  )
}

function hereOf({ bytes: all, cachedBytes, note }: Pin): string {
  if (all === null || cachedBytes === null) return s.cache.pins.looking
  const share = all === 0 ? percent(1, 1) : percent(cachedBytes, all)
  return note === undefined ? share : `${share}, ${note}`
}
