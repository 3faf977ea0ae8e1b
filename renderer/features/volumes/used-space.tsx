import { bytes, exactBytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import css from './volumes-table.module.css'

interface Props {
  readonly usedBytes: number
  readonly capacityBytes: number | null
}

/** Nearly full from here on. */
const FULL_SHARE = 0.9

/** What is used, of how much, and how full that is. */
export function UsedSpace({ usedBytes, capacityBytes }: Props) {
  const share = capacityBytes === null ? 0 : usedBytes / capacityBytes
  return (
    <span title={exactBytes(usedBytes)}>
      <span className={css.first}>{bytes(usedBytes)}</span>
      <span className={css.second}>
        {capacityBytes === null ? s.volumes.noQuota : s.common.of('', bytes(capacityBytes)).trim()}
      </span>
      {capacityBytes !== null && (
        <span className={css.quota} data-full={share >= FULL_SHARE || undefined} aria-hidden>
          <span style={{ width: `${Math.min(100, share * 100)}%` }} />
        </span>
      )}
    </span>
  )
}
