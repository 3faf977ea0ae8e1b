import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { useVolume } from '../../api/live.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Notice } from '../../components/notice.tsx'
import { s } from '../../strings/strings.ts'
import { AccessPanel } from './access-panel.tsx'
import { DangerPanel } from './danger-panel.tsx'
import { FormatPanel } from './format-panel.tsx'
import { formOf } from './here-form.ts'
import { HerePanel } from './here-panel.tsx'
import { LimitsPanel } from './limits-panel.tsx'
import css from './volume-settings.module.css'

/** Settings of one volume: on this computer, for everybody, and its end. */
export default function VolumeSettingsTab({ id }: { readonly id: string }) {
  const { trpc } = useApi()
  const volume = useVolume(id)
  const isProfile = volume?.origin === 'profile'
  const profile = useQuery({
    queryKey: ['profile', id],
    queryFn: ({ signal }) => trpc.volumes.profile.query({ id }, { signal }),
    enabled: isProfile,
  })
  const words = s.volumeSettings
  if (volume === undefined) return null
  return (
    <div className={css.panels}>
      {!isProfile && <Notice tone="note">{words.found}</Notice>}
      {profile.error !== null && <ErrorNote error={profile.error} onRetry={() => void profile.refetch()} />}
      {profile.data !== undefined && (
        <>
          <HerePanel key={versionOf(formOf(profile.data))} profile={profile.data} />
          <LimitsPanel key={id} profile={profile.data} />
          <AccessPanel
            key={versionOf([profile.data.metaUrl, profile.data.bucket, profile.data.secrets])}
            profile={profile.data}
          />
        </>
      )}
      <FormatPanel id={id} name={volume.name} />
      {isProfile && <DangerPanel id={id} />}
    </div>
  )
}

/** A form begins anew when what it shows has changed, not when it was only read again: what is typed stays. */
function versionOf(shown: unknown): string {
  return JSON.stringify(shown)
}
