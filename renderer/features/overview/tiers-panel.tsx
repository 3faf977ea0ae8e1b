import type { LiveDetail, ReadTier } from '#core/api/metrics.ts'
import { Panel } from '../../components/panel.tsx'
import { type Part, StackedBar } from '../../components/stacked-bar.tsx'
import { TimeAgo } from '../../components/time-ago.tsx'
import { bytes } from '../../format/bytes.ts'
import { count, percent } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './panels.module.css'

const LOOKS: Readonly<Record<ReadTier['tier'], { readonly label: string; readonly color: string }>> = {
  memory: { label: s.common.tiers.memory, color: 'var(--tier-memory)' },
  disk: { label: s.common.tiers.disk, color: 'var(--tier-disk)' },
  store: { label: s.common.tiers.bucket, color: 'var(--tier-bucket)' },
}

interface Props {
  readonly detail: LiveDetail | undefined
  readonly startedMs: number | null
}

/** Which tier answered how many reads, and what the bucket was asked for them. */
export function TiersPanel({ detail, startedMs }: Props) {
  const words = s.overview.tiers
  const tiers = detail?.tiers ?? []
  const all = tiers.reduce((sum, { reads }) => sum + reads, 0)
  return (
    <Panel
      title={words.title}
      note={
        startedMs === null ? undefined : (
          <>
            {words.since}, <TimeAgo atMs={startedMs} />
          </>
        )
      }
    >
      {all === 0 ? (
        <p className={css.dim}>{words.none}</p>
      ) : (
        <StackedBar
          label={words.label}
          parts={[
            ...kernelPart(detail?.kernel),
            ...tiers.map(({ tier, reads, bytes: size }) => ({
              key: LOOKS[tier].label,
              label: LOOKS[tier].label,
              color: LOOKS[tier].color,
              value: reads,
              text: `${percent(reads, all)} · ${bytes(size)}`,
              hover: words.reads(count(reads)),
            })),
          ]}
        />
      )}
      {detail !== undefined && detail.askedBytes > 0 && (
        <p className={css.line}>
          <span className={css.dim}>{words.amplification}</span>
          <span>
            {words.amplificationValue(
              bytes(detail.fetchedBytes),
              bytes(detail.askedBytes),
              (detail.fetchedBytes / detail.askedBytes).toFixed(2),
            )}
          </span>
        </p>
      )}
      <p className={css.small}>{words.kernel}</p>
    </Panel>
  )
}

/** It has no share of the bar: what it answers is told to nobody. What is known is when it may. */
function kernelPart(kernel: LiveDetail['kernel'] | undefined): readonly Part[] {
  if (kernel === undefined) return []
  const words = s.overview.tiers
  return [
    {
      key: s.common.tiers.kernel,
      label: s.common.tiers.kernel,
      color: 'var(--tier-kernel)',
      value: 0,
      text: words.keptOpens(percent(kernel.keptOpens, kernel.opens)),
      hover: words.keptHover(count(kernel.keptOpens), count(kernel.opens)),
    },
  ]
}
