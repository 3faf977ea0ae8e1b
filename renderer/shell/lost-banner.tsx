import { Loader } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useApi } from '../api/api.ts'
import { useConnection } from '../api/connection.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Notice } from '../components/notice.tsx'
import { s } from '../strings/strings.ts'
import css from './lost-banner.module.css'

/** A lost connection is usually back within a moment: nothing is said before. */
const PATIENCE_MS = 700

/** Says that what is shown may be old, and what that means for the mounts: nothing. */
export function LostBanner() {
  const lost = useConnection(useApi().connection) === 'lost'
  const [shown, setShown] = useState(false)
  useEffect(() => {
    if (!lost) {
      setShown(false)
      return
    }
    const timer = setTimeout(() => setShown(true), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [lost])
  if (!shown) return null
  const { title, text, again, command, retrying } = s.shell.lost
  // The desktop app starts it again by itself; a browser's window comes back when somebody starts it.
  const isBrowser = window.pomeloDesktop === undefined
  return (
    <div className={css.banner}>
      <Notice
        tone="bad"
        role="alert"
        title={title}
        actions={isBrowser ? <CopyButton text={command} /> : undefined}
      >
        <p>
          {text}
          {isBrowser && (
            <>
              {' '}
              {again} <code>{command}</code>
            </>
          )}{' '}
          <Loader size={10} className={css.loader} /> {retrying}
        </p>
      </Notice>
    </div>
  )
}
