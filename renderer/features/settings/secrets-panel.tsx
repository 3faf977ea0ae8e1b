import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { Notice } from '../../components/notice.tsx'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'

/** Where secrets are kept, said plainly. */
export function SecretsPanel() {
  const { trpc } = useApi()
  const words = s.settings.secrets
  const about = useQuery({
    queryKey: ['about'],
    queryFn: ({ signal }) => trpc.system.about.query(undefined, { signal }),
  })
  const keychain = useQuery({
    queryKey: ['keychain'],
    queryFn: async () => (await window.pomeloDesktop?.keychain()) ?? null,
  })
  const isFile = about.data?.secretStore === 'file'
  return (
    <Panel title={words.title}>
      {keychain.data != null ? (
        <Notice tone={keychain.data.kind === 'keychain' ? 'good' : 'waiting'} title={keychain.data.sentence}>
          {keychain.data.next}
        </Notice>
      ) : (
        about.data !== undefined && (
          <Notice tone={isFile ? 'note' : 'good'}>{isFile ? words.file : words.keychain}</Notice>
        )
      )}
    </Panel>
  )
}
