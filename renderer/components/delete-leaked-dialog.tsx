import { useMutation } from '@tanstack/react-query'
import { useApi } from '../api/api.ts'
import { s } from '../strings/strings.ts'
import { ConfirmName } from './confirm-name.tsx'
import { Notice } from './notice.tsx'

interface Props {
  readonly id: string
  readonly name: string
  readonly onClose: () => void
}

/** Deletes from the bucket what nothing knows: it asks for the volume's name first. */
export function DeleteLeakedDialog({ id, name, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.activity.start
  const start = useMutation({
    mutationFn: () => trpc.tasks.start.mutate({ kind: 'gc', id, delete: true }),
    onSuccess: onClose,
  })
  return (
    <ConfirmName
      title={words.deleteLeakedTitle(name)}
      name={name}
      button={words.deleteLeakedButton}
      busy={start.isPending}
      error={start.error}
      onConfirm={() => start.mutate()}
      onClose={onClose}
    >
      <Notice tone="waiting">{words.deleteLeakedText}</Notice>
    </ConfirmName>
  )
}
