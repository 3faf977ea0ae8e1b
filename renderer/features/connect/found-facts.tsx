import type { FoundVolume } from '#core/api/probes.ts'
import { Facts } from '../../components/facts.tsx'
import { bytes, exactBytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import css from './connect-page.module.css'

/** What is at an address, before anything is mounted. */
export function FoundFacts({ found }: { readonly found: FoundVolume }) {
  const words = s.connect
  const {
    volumeName,
    bucket,
    storage,
    usedBytes,
    capacityBytes,
    usedInodes,
    sessions,
    blockBytes,
    compression,
    encrypted,
    trashDays,
  } = found
  const summary = s.wizard.summary
  return (
    <section className={css.found} aria-label={words.found}>
      <h2>{words.found}</h2>
      <Facts
        facts={[
          { label: words.rows.name, value: volumeName },
          { label: words.rows.data, value: `${storage}, ${bucket}` },
          {
            label: words.rows.used,
            value:
              capacityBytes === 0 ? bytes(usedBytes) : s.common.of(bytes(usedBytes), bytes(capacityBytes)),
            hover: exactBytes(usedBytes),
          },
          { label: words.rows.files, value: count(usedInodes) },
          { label: words.rows.clients, value: words.clients(sessions) },
          { label: words.rows.block, value: summary.blocks(bytes(blockBytes), compression) },
          { label: words.rows.encryption, value: encrypted ? words.encrypted : words.plain },
          { label: words.rows.trash, value: summary.trashDays(trashDays) },
        ]}
      />
    </section>
  )
}
