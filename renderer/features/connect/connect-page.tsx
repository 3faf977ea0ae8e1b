import { Button, Code, PasswordInput, Switch, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { TeamProfile } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { useMetadataProbe } from '../../api/probes.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { go } from '../../components/navigate.ts'
import { Notice } from '../../components/notice.tsx'
import { Page } from '../../components/page.tsx'
import { ProbeResult } from '../../components/probe-result.tsx'
import { hrefOf, volumeHref } from '../../components/route.ts'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './connect-page.module.css'
import { FoundFacts } from './found-facts.tsx'
import { ProfileDrop } from './profile-drop.tsx'

interface Answers {
  readonly metaUrl: string
  readonly metaPassword: string
  readonly name: string
  readonly mountPoint: string
  readonly accessKey: string
  readonly secretKey: string
  readonly passphrase: string
  readonly mountAtLogin: boolean
  readonly readOnly: boolean
}

const FIRST: Answers = {
  metaUrl: '',
  metaPassword: '',
  name: '',
  mountPoint: '',
  accessKey: '',
  secretKey: '',
  passphrase: '',
  mountAtLogin: false,
  readOnly: false,
}

const PLAIN = { autoComplete: 'off', spellCheck: false } as const

/** A volume that exists: what is there is shown before anything is mounted. */
export default function ConnectPage() {
  const { trpc } = useApi()
  const words = s.connect
  const [profile, setProfile] = useState<TeamProfile | null>(null)
  const [answers, setAnswers] = useState(FIRST)
  const change = (part: Partial<Answers>) => setAnswers((now) => ({ ...now, ...part }))
  const probe = useMetadataProbe(answers.metaUrl, answers.metaPassword)
  const found = probe.answer?.volume ?? null
  const name = answers.name.trim() === '' ? (found?.volumeName ?? '') : answers.name.trim()

  const connect = useMutation({
    mutationFn: () => trpc.volumes.connect.mutate(inputOf(answers, profile)),
    onSuccess: ({ id }) => {
      useUi.getState().say(words.done(name))
      go(volumeHref(id), { replace: true })
    },
  })
  const needsKeys = found !== null && !found.hasKeys && found.storage !== 'file'
  const needsPassphrase = found?.needsPassphrase ?? false
  const complete =
    found !== null &&
    found.knownAs === null &&
    (!needsKeys || (answers.accessKey !== '' && answers.secretKey !== '')) &&
    (!needsPassphrase || answers.passphrase !== '')

  return (
    <Page title={words.title}>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (complete) connect.mutate()
        }}
      >
        <p className={css.dim}>{words.text}</p>
        <ProfileDrop
          profile={profile}
          onProfile={(next) => {
            setProfile(next)
            if (next !== null)
              change({ metaUrl: next.metaUrl, name: next.name, readOnly: next.settings.readOnly ?? false })
          }}
        />
        <TextInput
          autoFocus
          label={words.address}
          description={words.addressHint}
          value={answers.metaUrl}
          onChange={(event) => change({ metaUrl: event.currentTarget.value })}
          {...PLAIN}
        />
        <PasswordInput
          label={words.password}
          value={answers.metaPassword}
          onChange={(event) => change({ metaPassword: event.currentTarget.value })}
          autoComplete="off"
        />
        <ProbeResult {...probe} />
        {probe.answer?.ok && found === null && (
          <Notice
            tone="waiting"
            title={words.noVolume}
            actions={
              <Button variant="default" size="compact-sm" onClick={() => go(hrefOf({ page: 'new' }))}>
                {words.create}
              </Button>
            }
          >
            {words.noVolumeText}
          </Notice>
        )}
        {found !== null && (
          <>
            <FoundFacts found={found} />
            {found.knownAs !== null ? (
              <Notice
                tone="note"
                title={words.known}
                actions={
                  <Button variant="default" size="compact-sm" onClick={() => go(volumeHref(found.knownAs!))}>
                    {words.openKnown}
                  </Button>
                }
              />
            ) : (
              <>
                <div className={css.pair}>
                  <TextInput
                    label={words.name}
                    placeholder={found.volumeName}
                    value={answers.name}
                    onChange={(event) => change({ name: event.currentTarget.value })}
                    maxLength={255}
                    {...PLAIN}
                  />
                  <TextInput
                    label={words.place}
                    placeholder={`…/${name}`}
                    value={answers.mountPoint}
                    onChange={(event) => change({ mountPoint: event.currentTarget.value })}
                    {...PLAIN}
                  />
                  {needsKeys && (
                    <>
                      <TextInput
                        label={words.accessKey}
                        value={answers.accessKey}
                        onChange={(event) => change({ accessKey: event.currentTarget.value })}
                        {...PLAIN}
                      />
                      <PasswordInput
                        label={words.secretKey}
                        value={answers.secretKey}
                        onChange={(event) => change({ secretKey: event.currentTarget.value })}
                        autoComplete="off"
                      />
                    </>
                  )}
                </div>
                {needsPassphrase && (
                  <PasswordInput
                    label={words.passphrase}
                    description={words.passphraseHint}
                    value={answers.passphrase}
                    onChange={(event) => change({ passphrase: event.currentTarget.value })}
                    autoComplete="off"
                  />
                )}
                <Switch
                  label={words.atLogin}
                  checked={answers.mountAtLogin}
                  onChange={(event) => change({ mountAtLogin: event.currentTarget.checked })}
                />
                <Switch
                  label={words.readOnly}
                  checked={answers.readOnly}
                  onChange={(event) => change({ readOnly: event.currentTarget.checked })}
                />
              </>
            )}
          </>
        )}
        {profile?.note !== undefined && (
          <Notice tone="note" title={words.note}>
            <Code block>{profile.note}</Code>
          </Notice>
        )}
        {connect.isError && <ErrorNote error={connect.error} doing={words.doing(name)} />}
        <footer className={css.foot}>
          <Button variant="subtle" color="gray" onClick={() => go(hrefOf({ page: 'volumes' }))}>
            {s.common.cancel}
          </Button>
          <Button type="submit" disabled={!complete} loading={connect.isPending}>
            {words.button}
          </Button>
        </footer>
      </form>
    </Page>
  )
}

function inputOf(answers: Answers, profile: TeamProfile | null) {
  const {
    metaUrl,
    metaPassword,
    name,
    mountPoint,
    accessKey,
    secretKey,
    passphrase,
    mountAtLogin,
    readOnly,
  } = answers
  const filled = (entries: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(entries).filter(([, value]) => value.trim() !== ''))
  return {
    metaUrl: metaUrl.trim(),
    ...filled({ name: name.trim(), mountPoint: mountPoint.trim() }),
    ...(profile?.bucket == null ? {} : { bucket: profile.bucket }),
    mountAtLogin,
    settings: { ...profile?.settings, readOnly },
    secrets: filled({ metaPassword, accessKey, secretKey, passphrase }),
    mountNow: true,
  }
}
