import { Button } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { BrokenFile, HealthReport } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { useVolume } from '../../api/live.ts'
import { DeleteLeakedDialog } from '../../components/delete-leaked-dialog.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { Notice } from '../../components/notice.tsx'
import { Panel } from '../../components/panel.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { volumeHref } from '../../components/route.ts'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { NoSurvey, SurveyButton } from './bucket-view.tsx'
import css from './inspect-tab.module.css'
import { nameOf } from './object-panel.tsx'
import { brokenTable, EXPORT_PAGE, UNUSED, unusedTable } from './tables.ts'
import { useListedMs, useTableName, useTask } from './use-inspector.ts'

const words = s.inspect.health
/** Files, ranges of a file and keys of a class that are written out; an export has more. */
const MOST_FILES = 200
const MOST_RANGES = 3
const MOST_KEYS = 3

/** What the last survey found amiss: files that miss bytes, and objects that no file uses. */
export function HealthView({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const { data: listedMs } = useListedMs(id)
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'health', id, listedMs],
    queryFn: ({ signal }) => trpc.inspect.health.query({ id }, { signal }),
    placeholderData: keepPreviousData,
  })
  if (data === null) return <NoSurvey id={id} />
  return (
    <div className={css.scrolls}>
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <>
          <Files id={id} report={data} />
          <Unused id={id} report={data} />
        </>
      )}
    </div>
  )
}

interface Props {
  readonly id: string
  readonly report: HealthReport
}

function Files({ id, report: { broken, blocks, listedToMs, hiddenLosses, maybeStaged } }: Props) {
  const tableName = useTableName(id, words.files)
  const check = useTask(words)
  return (
    <Panel
      title={words.files}
      note={
        <>
          {words.blocks(count(blocks))} · {s.inspect.survey.listed} <TimeAgo atMs={listedToMs} />
        </>
      }
      actions={
        <>
          <Button variant="default" size="compact-sm" onClick={() => check.mutate({ kind: 'fsck', id })}>
            {words.check}
          </Button>
          <ExportMenu
            label={words.files}
            table={brokenTable(tableName, broken)}
            disabled={broken.length === 0}
          />
          <SurveyButton id={id} again />
        </>
      }
    >
      <div className={css.stack}>
        {broken.length === 0 ? (
          <Notice tone="good">{words.whole}</Notice>
        ) : (
          <Notice tone="bad">{words.broken(broken.length)}</Notice>
        )}
        {maybeStaged > 0 && <Notice tone="waiting">{words.maybeStaged(maybeStaged)}</Notice>}
        {broken.length > 0 && <BrokenFiles id={id} broken={broken.slice(0, MOST_FILES)} />}
        {broken.length > MOST_FILES && (
          <p className={css.dim}>{words.more(count(broken.length - MOST_FILES))}</p>
        )}
        {hiddenLosses > 0 && <p className={css.dim}>{words.hidden(hiddenLosses)}</p>}
      </div>
    </Panel>
  )
}

function BrokenFiles({ id, broken }: { readonly id: string; readonly broken: readonly BrokenFile[] }) {
  const { file: path, lost, missing, wrong, ranges: where } = words.columns
  return (
    <PlainTable
      label={words.files}
      columns={[
        { title: path },
        ...[lost, missing, wrong].map((title) => ({ title, end: true })),
        { title: where },
      ]}
      rows={broken.map(({ file, lostBytes, missing: gone, wrongSize, ranges }) => ({
        key: file.inode,
        hover: file.paths.join('\n'),
        cells: [
          <a
            key="file"
            className={css.asLink}
            href={volumeHref(id, 'inspect', `/file${file.paths[0] ?? `/inode/${file.inode}`}`)}
          >
            {nameOf(file)}
          </a>,
          bytes(lostBytes),
          count(gone),
          count(wrongSize),
          [
            ...ranges.slice(0, MOST_RANGES).map(({ start, end }) => words.range(bytes(start), bytes(end))),
            ...(ranges.length > MOST_RANGES ? [words.moreRanges(ranges.length - MOST_RANGES)] : []),
          ].join(', '),
        ],
      }))}
    />
  )
}

function Unused({ id, report }: Props) {
  const { trpc } = useApi()
  const tableName = useTableName(id, words.unused)
  const look = useTask(words)
  const name = useVolume(id)?.name ?? id
  const [deleting, setDeleting] = useState(false)
  return (
    <Panel
      title={words.unused}
      actions={
        <>
          <Button variant="default" size="compact-sm" onClick={() => look.mutate({ kind: 'gc', id })}>
            {words.dryRun}
          </Button>
          <Button
            variant="default"
            size="compact-sm"
            disabled={report.leaked.count === 0}
            onClick={() => setDeleting(true)}
          >
            {words.deleteLeaked}
          </Button>
          <ExportMenu
            label={words.unused}
            table={unusedTable(
              tableName,
              (kind, after, signal) =>
                trpc.inspect.unused.query({ id, kind, after, limit: EXPORT_PAGE }, { signal }),
              s.inspect.bucket.changed,
            )}
          />
        </>
      }
    >
      <div className={css.stack}>
        <PlainTable
          label={words.unused}
          columns={[
            { title: words.kind },
            { title: words.count, end: true },
            { title: words.size, end: true },
            { title: words.first },
          ]}
          rows={UNUSED.map((kind) => ({
            key: kind,
            hover: words.kinds[kind].text,
            cells: [
              words.kinds[kind].title,
              count(report[kind].count),
              bytes(report[kind].bytes),
              <Keys key="keys" id={id} keys={report[kind].keys.slice(0, MOST_KEYS)} />,
            ],
          }))}
        />
        <ul className={css.texts}>
          {UNUSED.map((kind) => (
            <li key={kind}>
              <strong>{words.kinds[kind].title}:</strong> {words.kinds[kind].text}
            </li>
          ))}
        </ul>
      </div>
      {deleting && <DeleteLeakedDialog id={id} name={name} onClose={() => setDeleting(false)} />}
    </Panel>
  )
}

function Keys({ id, keys }: { readonly id: string; readonly keys: readonly string[] }) {
  return keys.map((key, at) => (
    <span key={key}>
      {at > 0 && ', '}
      <a className={css.asLink} href={volumeHref(id, 'inspect', `/bucket/${key}`)}>
        <code>{key.slice(key.lastIndexOf('/') + 1)}</code>
      </a>
    </span>
  ))
}
