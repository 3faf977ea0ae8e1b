import { NumberInput } from '@mantine/core'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

export function BandwidthPanel({ settings: { uploadMbps, downloadMbps }, onChange }: SettingsPanelProps) {
  const words = s.settings.bandwidth
  return (
    <Panel title={words.title} note={words.text}>
      <div className={css.pair}>
        <NumberInput
          label={words.up}
          value={uploadMbps}
          min={0}
          step={10}
          onChange={(value) => typeof value === 'number' && onChange({ uploadMbps: value })}
        />
        <NumberInput
          label={words.down}
          value={downloadMbps}
          min={0}
          step={10}
          onChange={(value) => typeof value === 'number' && onChange({ downloadMbps: value })}
        />
      </div>
    </Panel>
  )
}
