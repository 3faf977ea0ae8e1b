import { Button, Tooltip } from '@mantine/core'
import { IconFileZip } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'

/** A report's attachment in one press. */
export function DiagnosticsButton() {
  const { trpc, address } = useApi()
  const words = s.activity.diagnostics
  const make = useMutation({
    mutationFn: () => trpc.system.diagnostics.mutate(),
    onSuccess({ url, name }) {
      const link = document.createElement('a')
      link.href = address(url)
      link.download = name
      link.click()
      useUi.getState().say(words.done(name))
    },
    onError: (error) => useUi.getState().fail(error, words.making),
  })
  return (
    <Tooltip label={words.hint} multiline w={280}>
      <Button
        variant="default"
        leftSection={<IconFileZip size={16} stroke={1.75} />}
        loading={make.isPending}
        onClick={() => make.mutate()}
      >
        {words.button}
      </Button>
    </Tooltip>
  )
}
