import type { CacheOverview } from '#core/api/settings.ts'
import { bytes, exactBytes } from '../format/bytes.ts'
import { s } from '../strings/strings.ts'
import { type DiskPart, diskParts } from './disk-parts.ts'
import { StackedBar } from './stacked-bar.tsx'

const COLORS: Readonly<Record<DiskPart, string>> = {
  here: 'var(--tier-disk)',
  pinned: 'var(--accent)',
  staged: 'var(--waiting-fill)',
  others: 'var(--tier-memory)',
  rest: 'var(--idle-fill)',
  free: 'var(--sunken)',
  reserve: 'var(--border-strong)',
}

const OF_ONE: readonly DiskPart[] = ['here', 'pinned', 'staged']

interface Props {
  readonly overview: CacheOverview
  /** The volume that is shown apart from the others. */
  readonly id?: string
}

/** The disk of the cache, whose free space is the limit that counts. */
export function DiskBar({ overview, id }: Props) {
  const words = s.cache.disk
  const parts = diskParts(overview, id).filter(({ part }) => id !== undefined || !OF_ONE.includes(part))
  return (
    <StackedBar
      label={words.label}
      parts={parts.map(({ part, size }) => {
        const label = part === 'others' && id === undefined ? words.all : words[part]
        return {
          key: label,
          label,
          value: size,
          color: COLORS[part],
          text: bytes(size),
          hover: `${words.hovers[part]} ${exactBytes(size)}`,
        }
      })}
    />
  )
}
