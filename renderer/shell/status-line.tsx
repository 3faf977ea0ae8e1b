import type { Volume } from '#core/api/volumes.ts'
import { useVolume, useVolumes } from '../api/live.ts'
import { ToneDot } from '../components/state-mark.tsx'
import { isUp } from '../components/volume-actions.ts'
import { bytes, rate } from '../format/bytes.ts'
import { count, percent, short } from '../format/number.ts'
import { latency } from '../format/time.ts'
import { s } from '../strings/strings.ts'
import css from './status-line.module.css'
import { sumOf } from './status-sum.ts'

/** One quiet line that is always true: of the volume that is shown, or of all. */
export function StatusLine({ volumeId }: { readonly volumeId: string | undefined }) {
  return <footer className={css.line}>{volumeId === undefined ? <OfAll /> : <OfOne id={volumeId} />}</footer>
}

function OfOne({ id }: { readonly id: string }) {
  const volume = useVolume(id)
  return volume === undefined ? null : <Figures volumes={[volume]} />
}

function OfAll() {
  const volumes = useVolumes()
  const mounted = volumes.filter(isUp).length
  return (
    <>
      <Figures volumes={volumes} />
      {volumes.length > 0 && (
        <span className={css.cell}>{s.shell.status.mounted(count(mounted), count(volumes.length))}</span>
      )}
    </>
  )
}

function Figures({ volumes }: { readonly volumes: readonly Volume[] }) {
  const words = s.shell.status
  const { readBps, writeBps, opsPerSec, hitRate, metaMs, pendingBytes, safe, live } = sumOf(volumes)
  return (
    <>
      {live && (
        <>
          <span className={css.rate} title={words.up}>
            ↑ {rate(writeBps)}
          </span>
          <span className={css.rate} title={words.down}>
            ↓ {rate(readBps)}
          </span>
          <span className={css.rate} title={words.operations}>
            {words.ops(short(opsPerSec))}
          </span>
          {volumes.length === 1 && (
            <span className={css.rate} title={hitRate === null ? words.noReads : words.hits}>
              {words.hit} {hitRate === null ? '–' : percent(hitRate, 1)}
            </span>
          )}
          {metaMs !== null && (
            <span className={css.rate} title={words.metadata}>
              {words.metaTime(latency(metaMs))}
            </span>
          )}
        </>
      )}
      <span className={css.safe} title={safe ? words.safeWhy : undefined}>
        {volumes.length > 0 && (
          <>
            <ToneDot tone={safe ? 'good' : 'waiting'} />
            {safe ? words.safe : pendingBytes > 0 ? words.unsafe(bytes(pendingBytes)) : words.notSafe}
          </>
        )}
      </span>
    </>
  )
}
