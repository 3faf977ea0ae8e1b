import { Button, Switch, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Profile, UpdateInput } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import { cacheBytesOf, formOf, type HereForm, updateOf } from './here-form.ts'
import css from './volume-settings.module.css'

/** How this computer mounts the volume. */
export function HerePanel({ profile }: { readonly profile: Profile }) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const words = s.volumeSettings.here
  const [form, setForm] = useState(() => formOf(profile))
  const change = (part: Partial<HereForm>) => setForm((now) => ({ ...now, ...part }))
  const save = useMutation({
    mutationFn: (update: UpdateInput) => trpc.volumes.update.mutate(update),
    async onSuccess() {
      useUi.getState().say(words.saved)
      await client.invalidateQueries({ queryKey: ['profile', profile.id] })
    },
  })
  const update = updateOf(form, profile)
  const isChanged = JSON.stringify(form) !== JSON.stringify(formOf(profile))
  const text = (key: 'name' | 'mountPoint' | 'subdir' | 'cacheDir' | 'cacheText') => ({
    value: form[key],
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => change({ [key]: event.currentTarget.value }),
    spellCheck: false,
    autoComplete: 'off',
  })
  const flag = (key: 'mountAtLogin' | 'readOnly' | 'writeback' | 'allowOther' | 'xattr') => ({
    checked: form[key],
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => change({ [key]: event.currentTarget.checked }),
  })
  return (
    <Panel title={words.title} note={words.text}>
      <form
        className={css.fields}
        onSubmit={(event) => {
          event.preventDefault()
          if (update !== undefined) save.mutate(update)
        }}
      >
        <div className={css.pair}>
          <TextInput label={words.name} {...text('name')} maxLength={255} />
          <TextInput label={words.place} {...text('mountPoint')} />
        </div>
        <div className={css.switches}>
          <Switch label={words.atLogin} {...flag('mountAtLogin')} />
          <Switch label={words.readOnly} {...flag('readOnly')} />
          <Switch label={words.xattr} {...flag('xattr')} />
          <Switch label={words.allowOther} description={words.allowOtherHint} {...flag('allowOther')} />
        </div>
        <Switch label={words.writeback} description={words.writebackHint} {...flag('writeback')} />
        <div className={css.pair}>
          <TextInput
            label={words.cacheSize}
            description={words.cacheHint}
            {...text('cacheText')}
            error={cacheBytesOf(form) === null ? words.badSize : undefined}
          />
          <TextInput label={words.subdir} description={words.subdirHint} {...text('subdir')} />
        </div>
        <TextInput label={words.cacheDir} {...text('cacheDir')} />
        {save.isError && <ErrorNote error={save.error} doing={words.saving(profile.name)} />}
        <div>
          <Button type="submit" disabled={!isChanged || update === undefined} loading={save.isPending}>
            {s.common.save}
          </Button>
        </div>
      </form>
    </Panel>
  )
}
