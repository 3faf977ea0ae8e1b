import { NumberInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { MountSettings, Profile } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'
import css from './volume-settings.module.css'

/** A number is sent when nobody has changed it for so long. */
const REST_MS = 600

type Limits = Required<Pick<MountSettings, 'uploadMbps' | 'downloadMbps'>>

/** Bandwidth of this volume here: it holds at once, also for what is on its way. */
export function LimitsPanel({ profile }: { readonly profile: Profile }) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const words = s.volumeSettings.limits
  const { id, settings } = profile
  const [limits, setLimits] = useState<Limits>({
    uploadMbps: settings.uploadMbps ?? 0,
    downloadMbps: settings.downloadMbps ?? 0,
  })
  const save = useMutation({
    mutationFn: (next: Limits) => trpc.volumes.update.mutate({ id, settings: { ...settings, ...next } }),
    onSuccess: (_, next) =>
      client.setQueryData<Profile>(['profile', id], { ...profile, settings: { ...settings, ...next } }),
  })
  const saveSoon = useDebouncedCallback(save.mutate, { delay: REST_MS, flushOnUnmount: true })
  const field = (name: keyof Limits) => ({
    label: words[name],
    min: 0,
    step: 10,
    value: limits[name],
    onChange: (value: number | string) => {
      if (typeof value !== 'number') return
      const next = { ...limits, [name]: value }
      setLimits(next)
      saveSoon(next)
    },
  })
  return (
    <Panel title={words.title} note={words.text}>
      <div className={css.pair}>
        <NumberInput {...field('uploadMbps')} />
        <NumberInput {...field('downloadMbps')} />
      </div>
      {save.isError && <ErrorNote error={save.error} doing={s.volumeSettings.here.saving(profile.name)} />}
      <p className={css.status} role="status">
        {save.isSuccess && !save.isPending ? words.saved : ''}
      </p>
    </Panel>
  )
}
