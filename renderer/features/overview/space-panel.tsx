import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { Volume } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { Panel } from '../../components/panel.tsx'
import { StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { useUi } from '../../components/ui-store.ts'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './panels.module.css'

/** Where the space is: why a bucket holds more than the files. */
export function SpacePanel({ volume: { id, usage } }: { readonly volume: Volume }) {
  const { trpc } = useApi()
  const words = s.overview.space
  const { data: space } = useQuery({
    queryKey: ['space', id],
    queryFn: ({ signal }) => trpc.volumes.space.query({ id }, { signal }),
    refetchInterval: 30_000,
  })
  const counted = useMutation({
    mutationFn: () => trpc.tasks.start.mutate({ kind: 'count-space', id }),
    onError: (error) => useUi.getState().fail(error, words.counting),
  })
  const quota = usage?.capacityBytes ?? null
  const parts =
    space == null
      ? []
      : ([
          ['live', space.liveBytes, 'var(--accent)'],
          ['trash', space.trashBytes, 'var(--waiting-fill)'],
          ['pending', space.pendingDeleteBytes, 'var(--series-3)'],
          ['superseded', space.supersededBytes, 'var(--idle-fill)'],
          ['leaked', space.leakedBytes, 'var(--bad-fill)'],
        ] as const)
  return (
    <Panel
      title={words.title}
      note={
        space == null ? undefined : (
          <>
            {words.asOf} <TimeAgo atMs={space.asOfMs} />
          </>
        )
      }
      actions={
        <Button
          variant="default"
          size="compact-sm"
          loading={counted.isPending}
          onClick={() => counted.mutate()}
        >
          {words.count}
        </Button>
      }
    >
      {space == null ? (
        <p className={css.dim}>{words.unknown}</p>
      ) : (
        <StackedBar
          label={words.label}
          parts={parts.map(([key, value, color]) => ({
            key: words[key],
            label: words[key],
            value: value ?? 0,
            color,
            text: value === null ? words.notCounted : bytes(value),
            hover: value === null ? words.hovers[key] : `${words.hovers[key]} ${exactBytes(value)}`,
          }))}
        />
      )}
      {usage !== null && (
        <>
          <p className={css.line}>
            <span className={css.dim}>{words.quota}</span>
            <span title={exactBytes(usage.usedBytes)}>
              {quota === null
                ? s.common.noLimit
                : `${s.common.of(bytes(usage.usedBytes), bytes(quota))} · ${percent(usage.usedBytes, quota)}`}
            </span>
          </p>
          <p className={css.line}>
            <span className={css.dim}>{words.files}</span>
            <span>
              {usage.inodesLimit === null
                ? count(usage.inodes)
                : s.common.of(count(usage.inodes), count(usage.inodesLimit))}
            </span>
          </p>
        </>
      )}
    </Panel>
  )
}
