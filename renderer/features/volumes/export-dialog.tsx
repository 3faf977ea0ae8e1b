import { Button, Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { Volume } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { CodeBlock } from '../../components/code-block.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { saveText } from '../../components/save-file.ts'
import { s } from '../../strings/strings.ts'
import css from './export-dialog.module.css'

interface Props {
  readonly volume: Volume
  readonly onClose: () => void
}

/** The profile a team passes on; shown whole, so that everybody sees that no secret is in it. */
export function ExportDialog({ volume: { id, name }, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.volumes.exporting
  const { data, error } = useQuery({
    queryKey: ['profile-export', id],
    queryFn: ({ signal }) => trpc.volumes.exportProfile.query({ id }, { signal }),
  })
  const text = data === undefined ? '' : `${JSON.stringify(data, null, 2)}\n`
  return (
    <Modal opened onClose={onClose} title={words.title(name)} size={560}>
      <div className={css.body}>
        <p>{words.text}</p>
        {error !== null && <ErrorNote error={error} doing={s.volumes.doing.export(name)} />}
        <CodeBlock label={words.profile} text={text} />
        <footer className={css.foot}>
          <CopyButton text={text} />
          <Button
            data-autofocus
            disabled={data === undefined}
            onClick={() => saveText(`${name}.pomelo.json`, text, 'application/json')}
          >
            {words.save}
          </Button>
        </footer>
      </div>
    </Modal>
  )
}
