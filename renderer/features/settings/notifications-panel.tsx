import { Switch } from '@mantine/core'
import { EVENT_KIND_NAMES } from '#core/api/events.ts'
import { NOTIFIED_BY_DEFAULT } from '#core/api/settings.ts'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

export function NotificationsPanel({ settings: { notifications }, onChange }: SettingsPanelProps) {
  const words = s.settings.notifications
  return (
    <Panel title={words.title} note={words.text}>
      <div className={css.kinds}>
        {EVENT_KIND_NAMES.map((kind) => (
          <Switch
            key={kind}
            label={words.kinds[kind]}
            checked={notifications[kind] ?? NOTIFIED_BY_DEFAULT.includes(kind)}
            onChange={(event) =>
              onChange({ notifications: { ...notifications, [kind]: event.currentTarget.checked } })
            }
          />
        ))}
      </div>
    </Panel>
  )
}
