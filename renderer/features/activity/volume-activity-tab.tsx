import { useVolume } from '../../api/live.ts'
import css from './activity.module.css'
import { CarePanel } from './care-panel.tsx'
import { EventList } from './event-list.tsx'
import { TaskList } from './task-list.tsx'
import { UploadsPanel } from './uploads-panel.tsx'

/** What runs and what happened on one volume, and what can be done to look after it. */
export default function VolumeActivityTab({ id }: { readonly id: string }) {
  const volume = useVolume(id)
  if (volume === undefined) return null
  return (
    <div className={css.activity} data-tab>
      <UploadsPanel volume={volume} />
      <TaskList volumeId={id} />
      <CarePanel id={id} name={volume.name} />
      <EventList volumeId={id} />
    </div>
  )
}
