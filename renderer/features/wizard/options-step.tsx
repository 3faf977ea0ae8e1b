import { NumberInput, Select, Switch, TextInput } from '@mantine/core'
import { bytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import { capacityOf, type Draft, inodesOf } from './draft.ts'
import { Question } from './question.tsx'
import type { StepProps } from './step-props.ts'
import css from './wizard.module.css'

const BLOCKS = [1, 2, 4, 8, 16].map((mib) => mib * 2 ** 20)
const MOST_TRASH_DAYS = 3650

export function OptionsStep({ draft, onChange }: StepProps) {
  const words = s.wizard.options
  const { blockBytes, compression, trashDays, capacityText, inodesText, acl, hashPrefix } = draft
  return (
    <Question title={words.title} text={words.text}>
      <div className={css.pair}>
        <Select
          label={words.block}
          description={words.blockHint}
          data={BLOCKS.map((size) => ({ value: String(size), label: bytes(size) }))}
          value={String(blockBytes)}
          onChange={(size) => size !== null && onChange({ blockBytes: Number(size) })}
          allowDeselect={false}
        />
        <Select
          label={words.compression}
          description={words.compressionHint[compression]}
          data={[
            { value: 'none', label: s.common.none },
            { value: 'lz4', label: 'LZ4' },
            { value: 'zstd', label: 'Zstandard' },
          ]}
          value={compression}
          onChange={(kind) => kind !== null && onChange({ compression: kind as Draft['compression'] })}
          allowDeselect={false}
        />
        <TextInput
          label={words.capacity}
          description={words.capacityHint}
          value={capacityText}
          onChange={(event) => onChange({ capacityText: event.currentTarget.value })}
          error={capacityOf(draft) === undefined ? words.badSize : undefined}
        />
        <TextInput
          label={words.inodes}
          description={words.inodesHint}
          value={inodesText}
          onChange={(event) => onChange({ inodesText: event.currentTarget.value })}
          error={inodesOf(draft) === undefined ? words.badCount : undefined}
          inputMode="numeric"
        />
        <NumberInput
          label={words.trash}
          description={words.trashHint}
          value={trashDays}
          min={0}
          max={MOST_TRASH_DAYS}
          allowDecimal={false}
          onChange={(days) => typeof days === 'number' && onChange({ trashDays: days })}
        />
      </div>
      <Switch
        label={words.acl}
        description={words.aclHint}
        checked={acl}
        onChange={(event) => onChange({ acl: event.currentTarget.checked })}
      />
      <Switch
        label={words.hashPrefix}
        description={words.hashPrefixHint}
        checked={hashPrefix}
        onChange={(event) => onChange({ hashPrefix: event.currentTarget.checked })}
      />
    </Question>
  )
}
