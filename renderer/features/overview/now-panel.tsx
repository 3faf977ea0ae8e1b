import type { LiveDetail } from '#core/api/metrics.ts'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { bytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'

/** The figures of this second that have no curve, or that are asked for by name. */
export function NowPanel({ detail }: { readonly detail: LiveDetail | undefined }) {
  const words = s.overview.now
  const values = detail?.sample.values
  const size = (value: number | null | undefined) => (value == null ? '–' : bytes(value))
  const blocks = values?.stagingBlocks ?? 0
  return (
    <Panel title={words.title}>
      <Facts
        ends
        facts={[
          { label: words.openFiles, value: detail === undefined ? '–' : count(detail.openFiles) },
          { label: words.waiting, value: detail?.kernelWaiting == null ? '–' : count(detail.kernelWaiting) },
          { label: words.staging, value: size(values?.stagingBytes), hover: words.blocks(count(blocks)) },
          { label: words.buffers, value: size(values?.bufferBytes) },
          { label: words.cache, value: size(values?.cacheBytes) },
          {
            label: words.requests,
            value:
              detail === undefined
                ? '–'
                : words.requestsValue(
                    count(detail.requests.GET),
                    count(detail.requests.PUT),
                    count(detail.requests.DELETE),
                  ),
          },
          { label: words.errors, value: detail === undefined ? '–' : count(detail.requestErrors) },
          { label: words.memory, value: size(values?.rssBytes) },
          { label: words.cpu, value: values?.cpu == null ? '–' : percent(values.cpu, 1) },
        ]}
      />
    </Panel>
  )
}
