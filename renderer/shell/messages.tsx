import { useEffect } from 'react'
import { ErrorNote } from '../components/error-note.tsx'
import { Notice } from '../components/notice.tsx'
import { type Message, useUi } from '../components/ui-store.ts'
import css from './messages.module.css'

const SHOWN_MS = 4000

/** What just happened: good news goes by itself, errors stay until they are dismissed. */
export function Messages() {
  const messages = useUi((ui) => ui.messages)
  return (
    <div className={css.messages} aria-live="polite">
      {messages.map((message) => (
        <Shown key={message.key} message={message} />
      ))}
    </div>
  )
}

function Shown({ message: { key, tone, text, error, doing, meaning } }: { readonly message: Message }) {
  const dismiss = useUi((ui) => ui.dismiss)
  useEffect(() => {
    if (tone === 'bad') return
    const timer = setTimeout(() => dismiss(key), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [dismiss, key, tone])
  return (
    <div className={css.message}>
      {tone === 'good' ? (
        <Notice tone="good">{text}</Notice>
      ) : (
        <ErrorNote error={error} doing={doing} meaning={meaning} onClose={() => dismiss(key)} />
      )}
    </div>
  )
}
