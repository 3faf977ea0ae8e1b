import { Button, Progress, Select } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { UpdateState } from '#core/api/bridge.ts'
import { Panel } from '../../components/panel.tsx'
import { s } from '../../strings/strings.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

const CHANNELS = ['release', 'beta', 'none'] as const

export function UpdatesPanel({ settings: { updateChannel }, onChange }: SettingsPanelProps) {
  const words = s.settings.updates
  const desktop = window.pomeloDesktop
  const update = useUpdateState()
  return (
    <Panel title={words.title}>
      <div className={css.fields}>
        <Select
          className={css.short}
          label={words.channel}
          data={CHANNELS.map((value) => ({ value, label: words.channels[value] }))}
          value={updateChannel}
          allowDeselect={false}
          onChange={(value) =>
            value !== null && onChange({ updateChannel: value as (typeof CHANNELS)[number] })
          }
        />
        {desktop === undefined ? (
          <p className={css.dim}>{words.browser}</p>
        ) : (
          <div className={css.row}>
            <p role="status">{update?.line}</p>
            {update?.step === 'downloading' && (
              <Progress flex={1} value={update.percent ?? 0} aria-label={words.title} />
            )}
            {update?.step === 'ready' ? (
              <Button onClick={() => void desktop.installUpdate()}>{words.install}</Button>
            ) : (
              <Button
                variant="default"
                disabled={updateChannel === 'none'}
                onClick={() => void desktop.checkForUpdate()}
              >
                {words.look}
              </Button>
            )}
          </div>
        )}
      </div>
    </Panel>
  )
}

function useUpdateState(): UpdateState | undefined {
  const [state, setState] = useState<UpdateState>()
  useEffect(() => {
    const desktop = window.pomeloDesktop
    if (desktop === undefined) return
    void desktop.updateState().then(setState)
    return desktop.onUpdate(setState)
  }, [])
  return state
}
