import { Button } from '@mantine/core'
import { CopyButton } from '../components/copy-button.tsx'
import { Empty } from '../components/empty.tsx'
import { s } from '../strings/strings.ts'

/** No token, or one that is not valid any more. */
export function Denied() {
  const { title, text, command, signIn, desktopText } = s.shell.denied
  const desktop = window.pomeloDesktop
  return (
    <main>
      {desktop === undefined ? (
        <Empty title={title} actions={<CopyButton text={command} />}>
          <p>
            {text} <code>{command}</code>
          </p>
        </Empty>
      ) : (
        <Empty title={title} actions={<Button onClick={() => void desktop.signIn()}>{signIn}</Button>}>
          <p>{desktopText}</p>
        </Empty>
      )}
    </main>
  )
}
