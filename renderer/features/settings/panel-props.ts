import type { AppSettings, SettingsChange } from '#core/api/settings.ts'

export interface SettingsPanelProps {
  readonly settings: AppSettings
  readonly onChange: (change: SettingsChange) => void
}
