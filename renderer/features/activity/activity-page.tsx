import { Page } from '../../components/page.tsx'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'
import { DiagnosticsButton } from './diagnostics-button.tsx'
import { EventList } from './event-list.tsx'
import { TaskList } from './task-list.tsx'

/** What runs and what happened, on all volumes. */
export default function ActivityPage() {
  return (
    <Page title={s.activity.title} actions={<DiagnosticsButton />} fixed>
      <div className={css.activity}>
        <TaskList />
        <EventList />
      </div>
    </Page>
  )
}
