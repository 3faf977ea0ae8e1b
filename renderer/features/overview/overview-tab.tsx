import { Button } from '@mantine/core'
import { useVolume } from '../../api/live.ts'
import { Notice } from '../../components/notice.tsx'
import { useVolumeActions } from '../../components/volume-actions.ts'
import { s } from '../../strings/strings.ts'
import { Charts } from './charts.tsx'
import { MetadataPanel } from './metadata-panel.tsx'
import { NowPanel } from './now-panel.tsx'
import { OperationsPanel } from './operations-panel.tsx'
import css from './overview-tab.module.css'
import { SessionsPanel } from './sessions-panel.tsx'
import { SpacePanel } from './space-panel.tsx'
import { TiersPanel } from './tiers-panel.tsx'
import { useLiveDetail } from './use-live-detail.ts'

/** How a volume is: what it does, where its reads are answered, its space, its metadata, who else has it. */
export default function OverviewTab({ id }: { readonly id: string }) {
  const volume = useVolume(id)
  const actions = useVolumeActions()
  const isMounted = volume !== undefined && volume.rates !== null
  const detail = useLiveDetail(id, isMounted)
  if (volume === undefined) return null
  return (
    <div className={css.overview}>
      <div className={css.main}>
        {isMounted ? (
          <Charts id={id} detail={detail} />
        ) : (
          <Notice
            tone="note"
            title={s.overview.unmounted}
            actions={
              <Button size="compact-sm" onClick={() => actions.mount(volume)}>
                {s.actions.mount}
              </Button>
            }
          />
        )}
        {isMounted && <OperationsPanel operations={detail?.operations ?? []} />}
        <SessionsPanel id={id} />
      </div>
      <div className={css.side}>
        {isMounted && <TiersPanel detail={detail} startedMs={volume.startedMs} />}
        {isMounted && <NowPanel detail={detail} />}
        <SpacePanel volume={volume} />
        <MetadataPanel id={id} engine={volume.engine.kind} />
      </div>
    </div>
  )
}
