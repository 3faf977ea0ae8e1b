import { formatCommand, mountCommand } from '#core/api/command-line.ts'
import { CodeBlock } from '../../components/code-block.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { Facts } from '../../components/facts.tsx'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { createInputOf, mountPointOf } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'

export function SummaryStep({ draft, places, probes }: StepProps) {
  const words = s.wizard.summary
  const input = createInputOf(draft, places)
  if (input === undefined) return null
  const { format, secrets = {} } = input
  const { capacityBytes = 0, inodes = 0 } = format
  const mountPoint = mountPointOf(draft, places)
  const command = [
    formatCommand(format, {
      hasKeys: secrets.secretKey !== undefined,
      hasMetaPassword: secrets.metaPassword !== undefined,
    }),
    ...(draft.mountNow ? [mountCommand(format.metaUrl, mountPoint, input.settings ?? {})] : []),
  ].join('\n')
  return (
    <Question title={words.title} text={words.text}>
      <Facts
        facts={[
          { label: words.rows.name, value: draft.name },
          {
            label: words.rows.metadata,
            value: `${s.common.engines[draft.engine]}, ${probes.metadata.answer?.address ?? format.metaUrl}`,
          },
          { label: words.rows.data, value: format.bucket },
          { label: words.rows.block, value: words.blocks(bytes(draft.blockBytes), draft.compression) },
          {
            label: words.rows.encryption,
            value: draft.encrypt ? words.encrypted(draft.key?.fingerprint ?? '') : words.plain,
          },
          { label: words.rows.trash, value: words.trashDays(draft.trashDays) },
          {
            label: words.rows.limits,
            value: words.limits(
              capacityBytes === 0 ? words.noSize : bytes(capacityBytes),
              inodes === 0 ? words.noFiles : words.files(count(inodes)),
            ),
          },
          {
            label: words.rows.mount,
            value: [
              mountPoint,
              draft.mountNow ? undefined : words.notMounted,
              draft.mountAtLogin ? words.atLogin : undefined,
            ]
              .filter(Boolean)
              .join(', '),
          },
        ]}
      />
      <div>
        <h3>{words.command}</h3>
        <CodeBlock label={words.command} text={command} />
      </div>
      <CopyButton text={command} />
    </Question>
  )
}
