import { Modal } from '@mantine/core'
import { Keys } from '../components/keys.tsx'
import { useUi } from '../components/ui-store.ts'
import { s } from '../strings/strings.ts'
import css from './shortcut-help.module.css'
import { KEYS } from './shortcuts.ts'

export default function ShortcutHelp() {
  const openHelp = useUi((ui) => ui.openHelp)
  const words = s.shell.shortcuts
  const rows: readonly (readonly [string, readonly string[]])[] = [
    [words.palette, [KEYS.palette]],
    [words.next, [KEYS.previous, KEYS.next]],
    [words.tabs, ['mod+1', 'mod+5']],
    [words.mount, [KEYS.mount]],
    [words.open, [KEYS.open]],
    [words.newVolume, [KEYS.newVolume]],
    [words.filter, [KEYS.filter]],
    [words.activity, [KEYS.activity]],
    [words.settings, [KEYS.settings]],
    [words.list, ['arrowup', 'arrowdown', 'space', 'enter']],
    [words.typeAhead, ['a', 'z']],
    [words.parent, ['alt+arrowleft']],
    [words.rename, ['f2']],
    [words.properties, ['alt+enter']],
    [words.remove, ['delete']],
    [words.help, [KEYS.help]],
  ]
  return (
    <Modal opened onClose={() => openHelp(false)} title={words.title} size={520}>
      <dl className={css.rows}>
        {rows.map(([label, keys]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {keys.map((each) => (
                <Keys key={each} keys={each} />
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
