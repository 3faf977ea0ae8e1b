import { CopyButton } from '../components/copy-button.tsx'
import { Empty } from '../components/empty.tsx'
import { s } from '../strings/strings.ts'

/** No token, or one that is not valid any more. */
export function Denied() {
  const { title, text, command } = s.shell.denied
  return (
    <main>
      <Empty title={title} actions={<CopyButton text={command} />}>
        <p>
          {text} <code>{command}</code>
        </p>
      </Empty>
    </main>
  )
}
