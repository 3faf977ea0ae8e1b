import { SegmentedControl, Select } from '@mantine/core'
import { Panel } from '../../components/panel.tsx'
import { languages, s } from '../../strings/strings.ts'
import { chooseTheme, type ThemeChoice } from '../../theme/scheme.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

const THEMES: readonly ThemeChoice[] = ['system', 'light', 'dark']

export function LookPanel({ settings: { theme, language }, onChange }: SettingsPanelProps) {
  const words = s.settings.look
  return (
    <Panel title={words.title}>
      <div className={css.fields}>
        <div className={css.field}>
          <span>{words.theme}</span>
          <SegmentedControl
            aria-label={words.theme}
            value={theme}
            data={THEMES.map((value) => ({ value, label: words.themes[value] }))}
            onChange={(value) => {
              chooseTheme(value as ThemeChoice)
              onChange({ theme: value as ThemeChoice })
            }}
          />
        </div>
        <Select
          className={css.short}
          label={words.language}
          data={languages.map(({ code, name }) => ({ value: code, label: name }))}
          value={language}
          allowDeselect={false}
          onChange={(code) => code !== null && onChange({ language: code })}
        />
      </div>
    </Panel>
  )
}
