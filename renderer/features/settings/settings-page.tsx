import { shownError } from '#core/api/errors.ts'
import { useChangeSettings, useSettings } from '../../api/settings.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Page } from '../../components/page.tsx'
import { s } from '../../strings/strings.ts'
import { AboutPanel } from './about-panel.tsx'
import { BandwidthPanel } from './bandwidth-panel.tsx'
import { CachePanel } from './cache-panel.tsx'
import { LookPanel } from './look-panel.tsx'
import { NotificationsPanel } from './notifications-panel.tsx'
import { SecretsPanel } from './secrets-panel.tsx'
import { SessionsPanel } from './sessions-panel.tsx'
import css from './settings.module.css'
import { StartPanel } from './start-panel.tsx'
import { UpdatesPanel } from './updates-panel.tsx'

/** Settings of this computer. Each change is kept at once. */
export default function SettingsPage() {
  const { data, error, refetch } = useSettings()
  const { mutate, error: refused, reset } = useChangeSettings()
  return (
    <Page title={s.settings.title}>
      <div className={css.panels}>
        {error !== null && (
          <ErrorNote error={error} doing={s.settings.reading} onRetry={() => void refetch()} />
        )}
        {refused !== null && (
          <ErrorNote
            key={shownError(refused).message}
            error={refused}
            doing={s.settings.saving}
            onClose={reset}
          />
        )}
        {data !== undefined && (
          <>
            <LookPanel settings={data} onChange={mutate} />
            <StartPanel settings={data} onChange={mutate} />
            <CachePanel settings={data} onChange={mutate} />
            <BandwidthPanel settings={data} onChange={mutate} />
            <NotificationsPanel settings={data} onChange={mutate} />
            <UpdatesPanel settings={data} onChange={mutate} />
          </>
        )}
        <SecretsPanel />
        <SessionsPanel />
        <AboutPanel />
      </div>
    </Page>
  )
}
