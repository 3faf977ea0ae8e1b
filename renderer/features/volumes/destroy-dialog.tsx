import { useMutation } from '@tanstack/react-query'
import type { Volume } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ConfirmName } from '../../components/confirm-name.tsx'
import { Notice } from '../../components/notice.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'

interface Props {
  readonly volume: Volume
  readonly onClose: () => void
}

/** Deletes the volume for everybody. */
export function DestroyDialog({ volume: { id, name }, onClose }: Props) {
  const { trpc } = useApi()
  const words = s.volumes
  const destroy = useMutation({
    mutationFn: (confirm: string) => trpc.tasks.start.mutate({ kind: 'destroy', id, confirm }),
    onSuccess: () => {
      onClose()
      useUi.getState().say(words.destroying)
    },
  })
  return (
    <ConfirmName
      title={words.destroyTitle(name)}
      name={name}
      button={words.destroyButton(name)}
      busy={destroy.isPending}
      error={destroy.error}
      onConfirm={destroy.mutate}
      onClose={onClose}
    >
      <Notice tone="bad">{words.destroyText}</Notice>
    </ConfirmName>
  )
}
