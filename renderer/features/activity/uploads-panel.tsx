import type { Volume } from '#core/api/volumes.ts'
import { Notice } from '../../components/notice.tsx'
import { bytes, rate } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'

/** Whether everything is uploaded, and if not how much is left since when. */
export function UploadsPanel({ volume: { pending, rates, status } }: { readonly volume: Volume }) {
  const words = s.activity.uploads
  if (pending.bytes === 0) return <Notice tone="good" title={words.none} />
  return (
    <Notice
      tone={status.state === 'waiting' ? 'bad' : 'waiting'}
      title={words.left(bytes(pending.bytes), count(pending.blocks))}
    >
      <p>
        {pending.oldestMs !== null && words.oldest(duration(pending.oldestMs))}{' '}
        {rates !== null && words.rate(rate(rates.writeBps))}
      </p>
      {status.next !== undefined && <p>{status.next}</p>}
    </Notice>
  )
}
