import type { TaskResult } from '#core/api/tasks.ts'
import { Facts } from '../../components/facts.tsx'
import { Findings } from '../../components/findings.tsx'
import { PlainTable } from '../../components/plain-table.tsx'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'

const MOST = 200
const FORMAT = { bytes, count, ms: duration } as const

/** What a task found: figures, findings, and the things it names. */
export function TaskResultView({ result: { facts, findings, items } }: { readonly result: TaskResult }) {
  const words = s.activity.tasks
  return (
    <div className={css.result}>
      <Facts facts={facts.map(({ label, value, unit }) => ({ label, value: FORMAT[unit](value) }))} />
      <Findings findings={findings} />
      {items.length > 0 && (
        <PlainTable
          label={words.items}
          columns={[{ title: words.itemColumns.path }, { title: words.itemColumns.note }]}
          rows={items
            .slice(0, MOST)
            .map(({ path, note }) => ({ key: path + note, cells: [<code key="path">{path}</code>, note] }))}
        />
      )}
      {items.length > MOST && <p className={css.dim}>{words.firstItems(count(MOST))}</p>}
    </div>
  )
}
