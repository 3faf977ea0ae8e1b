import { Button } from '@mantine/core'
import { memo, useMemo, useState } from 'react'
import type { Volume } from '#core/api/volumes.ts'
import { type Column, Grid, type Sort } from '../../components/grid.tsx'
import { go } from '../../components/navigate.ts'
import { volumeHref } from '../../components/route.ts'
import { StateMark, ToneDot } from '../../components/state-mark.tsx'
import { useVolumeActions } from '../../components/volume-actions.ts'
import { VolumeMenu } from '../../components/volume-menu.tsx'
import { bytes } from '../../format/bytes.ts'
import { percent } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import { sortVolumes } from './sort-volumes.ts'
import { ThroughputCell } from './throughput-cell.tsx'
import { UsedSpace } from './used-space.tsx'
import css from './volumes-table.module.css'

const ROW = 56

const COLUMNS: readonly Column<Volume>[] = [
  {
    key: 'name',
    title: s.volumes.columns.volume,
    width: 'minmax(152px, 1.2fr)',
    sortable: true,
    render: ({ id, name, mountPoint }, tabbable) => (
      <>
        <a className={css.name} href={volumeHref(id)} tabIndex={tabbable ? 0 : -1} title={name}>
          {name}
        </a>
        <span className={css.second} title={mountPoint}>
          {mountPoint}
        </span>
      </>
    ),
  },
  {
    key: 'state',
    title: s.volumes.columns.state,
    width: 'minmax(172px, 1.6fr)',
    sortable: true,
    render: ({ status: { state, line } }) => (
      <>
        <span className={css.state}>
          <StateMark state={state} />
          {s.states[state]}
        </span>
        <span className={css.second} title={line}>
          {line}
        </span>
      </>
    ),
  },
  {
    key: 'place',
    title: s.volumes.columns.place,
    width: 'minmax(160px, 1fr)',
    from: 1240,
    render: ({ engine, store }) => (
      <>
        <span className={css.first} title={engine.address}>
          {s.common.engines[engine.kind]} <span className={css.dim}>{engine.address}</span>
        </span>
        <span className={css.second} title={store?.address}>
          {store?.address ?? s.volumes.notSeen}
        </span>
      </>
    ),
  },
  {
    key: 'used',
    title: s.volumes.columns.space,
    width: '104px',
    end: true,
    sortable: true,
    render: ({ usage }) =>
      usage === null ? (
        <span className={css.dim}>–</span>
      ) : (
        <UsedSpace usedBytes={usage.usedBytes} capacityBytes={usage.capacityBytes} />
      ),
  },
  {
    key: 'throughput',
    title: s.volumes.columns.throughput,
    width: '160px',
    from: 940,
    render: ({ id, rates }) =>
      rates === null ? <span className={css.dim}>–</span> : <ThroughputCell id={id} rates={rates} />,
  },
  {
    key: 'hits',
    title: s.volumes.columns.hits,
    width: '64px',
    end: true,
    from: 1040,
    render: ({ rates }) => (
      <span title={s.volumes.hitBase}>{rates?.hitRate == null ? '–' : percent(rates.hitRate, 1)}</span>
    ),
  },
  {
    key: 'pending',
    title: s.volumes.columns.pending,
    width: '120px',
    end: true,
    from: 760,
    sortable: true,
    render: ({ pending, safeToShutDown }) =>
      pending.bytes > 0 ? (
        <>
          <span className={css.first}>{bytes(pending.bytes)}</span>
          <span className={css.second}>
            {pending.oldestMs !== null && s.volumes.pendingOldest(duration(pending.oldestMs))}
          </span>
        </>
      ) : (
        <span className={css.safe} title={safeToShutDown ? s.volumes.safe : s.volumes.notSafe}>
          <ToneDot tone={safeToShutDown ? 'good' : 'waiting'} /> {s.volumes.nothing}
        </span>
      ),
  },
  {
    key: 'actions',
    title: '',
    width: '156px',
    end: true,
    render: (volume, tabbable) => <RowActions volume={volume} tabbable={tabbable} />,
  },
]

export function VolumesTable({ volumes }: { readonly volumes: readonly Volume[] }) {
  const [sort, setSort] = useState<Sort>({ key: 'name', descending: false })
  const sorted = useMemo(() => sortVolumes(volumes, sort), [volumes, sort])
  return (
    <Grid
      label={s.volumes.table}
      columns={COLUMNS}
      count={sorted.length}
      itemAt={(index) => sorted[index]}
      nameOf={({ name }) => name}
      rowHeight={ROW}
      sort={sort}
      onSort={(key) => setSort((now) => ({ key, descending: now.key === key && !now.descending }))}
      onOpen={({ id }) => go(volumeHref(id))}
    />
  )
}

interface RowActionsProps {
  readonly volume: Volume
  readonly tabbable: boolean
}

const RowActions = memo(function RowActions({ volume, tabbable }: RowActionsProps) {
  const actions = useVolumeActions()
  const { action } = volume.status
  const tabIndex = tabbable ? 0 : -1
  return (
    <span className={css.actions}>
      {action !== null && (
        <Button
          variant="default"
          size="compact-sm"
          tabIndex={tabIndex}
          onClick={() => actions.offered(volume, action)}
        >
          {s.actions[action]}
        </Button>
      )}
      <VolumeMenu volume={volume} tabIndex={tabIndex} />
    </span>
  )
}, sameActions)

/** Rates change every second, what can be done does not. */
function sameActions(a: RowActionsProps, b: RowActionsProps): boolean {
  return (
    a.tabbable === b.tabbable &&
    a.volume.id === b.volume.id &&
    a.volume.name === b.volume.name &&
    a.volume.origin === b.volume.origin &&
    a.volume.status === b.volume.status
  )
}
