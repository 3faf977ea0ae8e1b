import { Switch } from '@mantine/core'
import { FolderField } from '../../components/folder-field.tsx'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

export function StartPanel({ settings: { startAtLogin, mountFolder }, onChange }: SettingsPanelProps) {
  const words = s.settings.start
  return (
    <Panel title={words.title}>
      <div className={css.fields}>
        <Switch
          label={words.atLogin}
          description={words.atLoginHint}
          checked={startAtLogin}
          onChange={(event) => onChange({ startAtLogin: event.currentTarget.checked })}
        />
        <FolderField
          label={words.folder}
          hint={words.folderHint}
          value={mountFolder}
          onChange={(folder) => folder !== '' && onChange({ mountFolder: folder })}
        />
      </div>
    </Panel>
  )
}
