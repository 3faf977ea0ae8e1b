import { useMutation } from '@tanstack/react-query'
import type { Volume } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ConfirmName } from '../../components/confirm-name.tsx'
import { isUp } from '../../components/volume-actions.ts'
import { s } from '../../strings/strings.ts'

interface Props {
  readonly volume: Volume
  readonly onClose: () => void
}

/** Forgets the volume here; the volume itself stays. */
export function RemoveDialog({ volume, onClose }: Props) {
  const { id, name } = volume
  const { trpc } = useApi()
  const words = s.volumes
  const remove = useMutation({
    mutationFn: (confirm: string) => trpc.volumes.remove.mutate({ id, confirm }),
    onSuccess: onClose,
  })
  return (
    <ConfirmName
      title={words.removeTitle(name)}
      name={name}
      button={words.removeButton(name)}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={remove.mutate}
      onClose={onClose}
    >
      <p>{words.removeText}</p>
      {isUp(volume) && <p>{words.removeUnmount}</p>}
    </ConfirmName>
  )
}
