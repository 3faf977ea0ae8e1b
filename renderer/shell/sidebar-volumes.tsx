import { memo } from 'react'
import type { Volume } from '#core/api/volumes.ts'
import { go } from '../components/navigate.ts'
import { volumeHref } from '../components/route.ts'
import { StateMark } from '../components/state-mark.tsx'
import { useVirtualList } from '../components/use-virtual-list.ts'
import { bytes } from '../format/bytes.ts'
import { s } from '../strings/strings.ts'
import css from './sidebar.module.css'

const ROW = 32

interface Props {
  readonly volumes: readonly Volume[]
  readonly current: string | undefined
}

/** The list that is the status page: each volume with its state. */
export function SidebarVolumes({ volumes, current }: Props) {
  const { scroller, virtualizer, active, setActive, onKeyDown } = useVirtualList({
    count: volumes.length,
    rowHeight: ROW,
    nameAt: (index) => volumes[index]!.name,
    onOpen: (index) => go(volumeHref(volumes[index]!.id)),
  })
  if (volumes.length === 0) return <div className={css.volumes} />
  return (
    <div ref={scroller} className={css.volumes}>
      <ul aria-label={s.shell.volumes} style={{ height: virtualizer.getTotalSize() }} onKeyDown={onKeyDown}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => (
          <li
            key={key}
            style={{ transform: `translateY(${start}px)` }}
            aria-setsize={volumes.length}
            aria-posinset={index + 1}
          >
            <VolumeLink
              volume={volumes[index]!}
              index={index}
              current={volumes[index]!.id === current}
              tabbable={index === active}
              onFocus={setActive}
            />
          </li>
        ))}
      </ul>
    </div>
  )
}

interface LinkProps {
  readonly volume: Volume
  readonly index: number
  readonly current: boolean
  readonly tabbable: boolean
  readonly onFocus: (index: number) => void
}

const VolumeLink = memo(function VolumeLink({ volume, index, current, tabbable, onFocus }: LinkProps) {
  const { id, name, status, pending } = volume
  return (
    <a
      className={css.item}
      href={volumeHref(id)}
      data-index={index}
      aria-current={current ? 'page' : undefined}
      tabIndex={tabbable ? 0 : -1}
      onFocus={() => onFocus(index)}
      title={`${name}\n${s.states[status.state]}: ${status.line}`}
    >
      <StateMark state={status.state} labelled />
      <span className={css.name}>{name}</span>
      {pending.bytes > 0 && <span className={css.pending}>↑ {bytes(pending.bytes)}</span>}
    </a>
  )
})
