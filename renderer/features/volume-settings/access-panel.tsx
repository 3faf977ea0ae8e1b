import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Profile, SecretName } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './volume-settings.module.css'

const SECRETS = [
  'metaPassword',
  'accessKey',
  'secretKey',
  'passphrase',
] as const satisfies readonly SecretName[]

/** Where the volume is and what opens it; secrets go in and never come out. */
export function AccessPanel({ profile }: { readonly profile: Profile }) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const words = s.volumeSettings.access
  const [metaUrl, setMetaUrl] = useState(profile.metaUrl)
  const [bucket, setBucket] = useState(profile.bucket ?? '')
  const [secrets, setSecrets] = useState<Partial<Record<SecretName, string>>>({})
  const typed = Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== ''))
  const save = useMutation({
    mutationFn: () =>
      trpc.volumes.update.mutate({
        id: profile.id,
        metaUrl: metaUrl.trim(),
        bucket: bucket.trim() === '' ? null : bucket.trim(),
        secrets: typed,
      }),
    async onSuccess() {
      useUi.getState().say(words.saved)
      await client.invalidateQueries({ queryKey: ['profile', profile.id] })
    },
  })
  const isChanged =
    metaUrl !== profile.metaUrl || bucket !== (profile.bucket ?? '') || Object.keys(typed).length > 0
  return (
    <Panel title={words.title}>
      <form
        className={css.fields}
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <p className={css.dim}>{words.text}</p>
        <TextInput
          label={words.metaUrl}
          value={metaUrl}
          onChange={(event) => setMetaUrl(event.currentTarget.value)}
          spellCheck={false}
        />
        <TextInput
          label={words.bucket}
          description={words.bucketHint}
          value={bucket}
          onChange={(event) => setBucket(event.currentTarget.value)}
          spellCheck={false}
        />
        <div className={css.pair}>
          {SECRETS.map((name) => (
            <PasswordInput
              key={name}
              label={words[name]}
              placeholder={profile.secrets.includes(name) ? words.kept : words.notKept}
              value={secrets[name] ?? ''}
              onChange={(event) => setSecrets({ ...secrets, [name]: event.currentTarget.value })}
              autoComplete="off"
            />
          ))}
        </div>
        {save.isError && <ErrorNote error={save.error} doing={s.volumeSettings.here.saving(profile.name)} />}
        <div>
          <Button type="submit" disabled={!isChanged || metaUrl.trim() === ''} loading={save.isPending}>
            {s.common.save}
          </Button>
        </div>
      </form>
    </Panel>
  )
}
