import { Tooltip, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { s } from '../strings/strings.ts'
import css from './copy-text.module.css'

/** A path or a key that a click copies. */
export function CopyText({
  text,
  className,
}: {
  readonly text: string
  readonly className?: string | undefined
}) {
  const [copied, setCopied] = useState(false)
  return (
    <Tooltip label={copied ? s.common.copied : s.common.copy} position="bottom-start">
      <UnstyledButton
        className={`${css.text} ${className ?? ''}`}
        aria-label={`${s.common.copy} ${text}`}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
        onMouseLeave={() => setCopied(false)}
        onBlur={() => setCopied(false)}
      >
        {text}
      </UnstyledButton>
    </Tooltip>
  )
}
