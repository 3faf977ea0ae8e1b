import { useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { CopyText } from '../../components/copy-text.tsx'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'

export function AboutPanel() {
  const { trpc } = useApi()
  const words = s.settings.about
  const { data } = useQuery({
    queryKey: ['about'],
    queryFn: ({ signal }) => trpc.system.about.query(undefined, { signal }),
  })
  const shell = window.pomeloDesktop?.versions
  return (
    <Panel title={words.title}>
      {data !== undefined && (
        <Facts
          facts={[
            { label: words.version, value: data.version },
            ...(shell === undefined
              ? []
              : [{ label: words.shell, value: `Electron ${shell.electron}, Chromium ${shell.chromium}` }]),
            { label: words.speaks, value: data.clientVersion },
            { label: words.node, value: `Node ${data.node}, ${data.platform}` },
            { label: words.computer, value: `${data.user}@${data.hostname}` },
            { label: words.service, value: words.serviceValue(data.daemonPid, bytes(data.rssBytes)) },
            { label: words.since, value: <TimeAgo atMs={data.startedMs} /> },
            { label: words.log, value: <CopyText text={data.logFile} /> },
            { label: words.state, value: <CopyText text={data.stateDir} /> },
          ]}
        />
      )}
    </Panel>
  )
}
