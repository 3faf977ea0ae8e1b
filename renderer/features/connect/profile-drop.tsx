import { Button, FileButton } from '@mantine/core'
import { useState } from 'react'
import type { TeamProfile } from '#core/api/volumes.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Notice } from '../../components/notice.tsx'
import { s } from '../../strings/strings.ts'
import css from './connect-page.module.css'
import { readProfile } from './read-profile.ts'

interface Props {
  readonly profile: TeamProfile | null
  readonly onProfile: (profile: TeamProfile | null) => void
}

/** Profiles are small; a larger file is something else. */
const LARGEST = 2 ** 20

/** A profile by a button or by dropping it; says what it needs. */
export function ProfileDrop({ profile, onProfile }: Props) {
  const words = s.connect
  const [over, setOver] = useState(false)
  const [error, setError] = useState<unknown>(null)

  async function take(file: File | null | undefined): Promise<void> {
    if (file == null) return
    try {
      onProfile(readProfile(file.size > LARGEST ? '' : await file.text()))
      setError(null)
    } catch (cause) {
      setError(cause)
    }
  }

  if (profile !== null) {
    const needs = profile.needs.map((need) => words.secrets[need]).join(', ')
    return (
      <Notice
        tone="good"
        title={words.imported(profile.name)}
        actions={
          <Button variant="default" size="compact-sm" onClick={() => onProfile(null)}>
            {words.forget}
          </Button>
        }
      >
        {needs === '' ? words.needsNothing : words.needs(needs)}
      </Notice>
    )
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same by keys */}
      <div
        className={css.drop}
        data-over={over || undefined}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          void take(event.dataTransfer.files[0])
        }}
      >
        <FileButton onChange={(file) => void take(file)} accept="application/json,.json">
          {(props) => (
            <Button variant="default" {...props}>
              {words.choose}
            </Button>
          )}
        </FileButton>
        <span>{words.drop}</span>
      </div>
      {error !== null && <ErrorNote error={error} doing={words.badFile} onClose={() => setError(null)} />}
    </>
  )
}
