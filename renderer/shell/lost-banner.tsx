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
  const { title, text, start, retrying } = s.shell.lost
  return (
    <div className={css.banner}>
      <Notice tone="bad" role="alert" title={title} actions={<CopyButton text={start} label={start} />}>
        <p>
          {text} <Loader size={10} className={css.loader} /> {retrying}
        </p>
      </Notice>
    </div>
  )
}
