import { Button, Group, Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { DuplicateGroup, DuplicatesReport } from '#core/api/inspect.ts'
import { useApi } from '../../api/api.ts'
import { Empty } from '../../components/empty.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { ExportMenu } from '../../components/export-menu.tsx'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { volumeHref } from '../../components/route.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './duplicates-view.module.css'
import tab from './inspect-tab.module.css'
import { nameOf } from './object-panel.tsx'
import { duplicateTable, EXPORT_PAGE } from './tables.ts'
import { useTableName, useTask } from './use-inspector.ts'

const words = s.inspect.duplicates
const GROUPS = 100

/** What is stored more than once, as far as it was read, and storing it once. */
export function DuplicatesView({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const [asking, setAsking] = useState(false)
  const task = useTask(words)
  const tableName = useTableName(id, words.title)
  const { data, error, refetch } = useQuery({
    queryKey: ['inspect', 'duplicates', id],
    queryFn: ({ signal }) => trpc.inspect.duplicates.query({ id, limit: GROUPS }, { signal }),
    refetchInterval: 10_000,
  })
  const scan = (cachedOnly: boolean) => task.mutate({ kind: 'find-duplicates', id, cachedOnly })
  return (
    <div className={tab.scrolls}>
      {error !== null && <ErrorNote error={error} doing={words.doing} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <Panel
          title={words.title}
          note={words.known(count(data.knownSlices), count(data.slices))}
          actions={
            <>
              <Button variant="default" size="compact-sm" onClick={() => scan(true)}>
                {words.scanCached}
              </Button>
              <Button variant="default" size="compact-sm" onClick={() => scan(false)}>
                {words.scan}
              </Button>
              <ExportMenu
                table={duplicateTable(tableName, (from, signal) =>
                  trpc.inspect.duplicates.query({ id, from, limit: EXPORT_PAGE }, { signal }),
                )}
                disabled={data.groups.length === 0}
              />
              <Button size="compact-sm" disabled={data.groups.length === 0} onClick={() => setAsking(true)}>
                {words.share}
              </Button>
            </>
          }
        >
          <Found id={id} report={data} />
        </Panel>
      )}
      <Modal opened={asking} onClose={() => setAsking(false)} title={words.confirmTitle}>
        <p>{words.confirmText}</p>
        <Group justify="flex-end" gap={8}>
          <Button variant="default" onClick={() => setAsking(false)}>
            {s.common.cancel}
          </Button>
          <Button
            onClick={() => {
              setAsking(false)
              task.mutate({ kind: 'dedup', id })
            }}
          >
            {words.confirm}
          </Button>
        </Group>
      </Modal>
    </div>
  )
}

function Found({ id, report }: { readonly id: string; readonly report: DuplicatesReport }) {
  const { sharableBytes, repeatedBytes, groups, more } = report
  if (groups.length === 0)
    return (
      <Empty title={words.none}>
        <p>{words.unknown}</p>
      </Empty>
    )
  return (
    <>
      <Facts
        facts={[
          { label: words.sharable, value: bytes(sharableBytes), hover: exactBytes(sharableBytes) },
          { label: words.repeated, value: bytes(repeatedBytes), hover: exactBytes(repeatedBytes) },
        ]}
      />
      <ul className={css.groups}>
        {groups.map((group) => (
          <EqualSlices key={group.slices[0]?.slice} id={id} group={group} />
        ))}
      </ul>
      {more > 0 && <p className={tab.dim}>{words.more(count(more))}</p>}
    </>
  )
}

function EqualSlices({
  id,
  group: { size, slices, wastedBytes },
}: {
  readonly id: string
  readonly group: DuplicateGroup
}) {
  return (
    <li>
      <p className={css.head}>
        <strong>{words.group(slices.length, bytes(size))}</strong>
        <span className={tab.dim}>{words.wasted(bytes(wastedBytes))}</span>
      </p>
      {slices.map(({ slice, files, moreFiles }) => (
        <p key={slice} className={css.slice}>
          <a href={volumeHref(id, 'inspect', `/bucket/slice/${slice}`)}>{words.slice(slice)}</a>
          <span>
            {files.map((file, at) => (
              <span key={file.inode}>
                {at > 0 && ', '}
                <a href={volumeHref(id, 'inspect', `/file${file.paths[0] ?? `/inode/${file.inode}`}`)}>
                  {nameOf(file)}
                </a>
              </span>
            ))}
            {moreFiles > 0 && ` ${words.moreFiles(moreFiles)}`}
          </span>
        </p>
      ))}
    </li>
  )
}
