import { Button } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { s } from '../strings/strings.ts'

interface Props {
  readonly text: string
  readonly label?: string
  readonly onCopied?: () => void
}

/** Copies a text, and says that it did. */
export function CopyButton({ text, label = s.common.copy, onCopied }: Props) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2000)
    return () => clearTimeout(timer)
  }, [copied])
  const Glyph = copied ? IconCheck : IconCopy
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<Glyph size={14} />}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setCopied(true)
          onCopied?.()
        })
      }}
    >
      <span aria-live="polite">{copied ? s.common.copied : label}</span>
    </Button>
  )
}
