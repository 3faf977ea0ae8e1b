import { Modal } from '@mantine/core'
import { useDeferredValue, useId, useMemo, useRef, useState } from 'react'
import { useApi } from '../api/api.ts'
import { useVolumes } from '../api/live.ts'
import { useChangeSettings } from '../api/settings.ts'
import { Keys } from '../components/keys.tsx'
import { keyedIndex } from '../components/list-keys.ts'
import { go } from '../components/navigate.ts'
import { type Route, volumeHref } from '../components/route.ts'
import { StateMark } from '../components/state-mark.tsx'
import { useUi } from '../components/ui-store.ts'
import { isUp, useVolumeActions } from '../components/volume-actions.ts'
import { s } from '../strings/strings.ts'
import { chooseTheme } from '../theme/scheme.ts'
import { type Command, commandsFor, search } from './commands.ts'
import css from './palette.module.css'
import { KEYS } from './shortcuts.ts'

const MOST = 50

/** Everything there is, by typing a part of its name. */
export default function Palette({ route }: { readonly route: Route }) {
  const { trpc } = useApi()
  const { openPalette, openHelp, openDialog, fail } = useUi.getState()
  const volumes = useVolumes()
  const actions = useVolumeActions()
  const { mutate: change } = useChangeSettings()
  const [text, setText] = useState('')
  const [active, setActive] = useState(0)
  const searched = useDeferredValue(text)
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const words = s.shell.palette

  const commands = useMemo(
    () =>
      commandsFor(route, volumes, KEYS, {
        ...actions,
        go,
        isUp,
        chooseTheme: (theme) => {
          chooseTheme(theme)
          change({ theme })
        },
        openHelp: () => openHelp(true),
        openDialog: (kind, { id }) => openDialog(kind, id),
        care({ id, name }, kind) {
          go(volumeHref(id, 'activity'))
          trpc.tasks.start.mutate({ kind, id }).catch((error: unknown) => fail(error, words.care[kind](name)))
        },
        copy: (what) => void navigator.clipboard.writeText(what),
      }),
    [route, volumes, actions, trpc, openHelp, openDialog, fail, words, change],
  )
  const found = useMemo(() => search(commands, searched, MOST), [commands, searched])
  const within = Math.min(active, found.length - 1)

  function run(command: Command | undefined): void {
    if (command === undefined) return
    openPalette(false)
    command.run()
  }

  function onKeyDown(event: React.KeyboardEvent): void {
    // Fast fingers press Enter before the list has followed: what counts is what is typed.
    if (event.key === 'Enter') run(text === searched ? found[within] : search(commands, text, MOST)[0])
    const next = ['Home', 'End'].includes(event.key)
      ? undefined
      : keyedIndex(event.key, within, found.length, 8)
    if (next === undefined) return
    event.preventDefault()
    setActive(next)
    list.current?.querySelector(`[data-index="${next}"]`)?.scrollIntoView({ block: 'nearest' })
  }

  return (
    <Modal
      opened
      onClose={() => openPalette(false)}
      withCloseButton={false}
      padding={0}
      size={600}
      yOffset="12vh"
      centered={false}
      title={undefined}
      aria-label={words.title}
    >
      <input
        className={css.input}
        data-autofocus
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={within >= 0 ? `${id}-${within}` : undefined}
        aria-label={words.placeholder}
        placeholder={words.placeholder}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value)
          setActive(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div ref={list} id={id} role="listbox" aria-label={words.title} className={css.list} tabIndex={-1}>
        {found.map((command, index) => (
          <PaletteRow
            key={command.key}
            id={`${id}-${index}`}
            index={index}
            command={command}
            selected={index === within}
            group={found[index - 1]?.group === command.group ? undefined : words.groups[command.group]}
            onRun={run}
            onPoint={setActive}
          />
        ))}
      </div>
      {found.length === 0 && <p className={css.empty}>{words.empty}</p>}
    </Modal>
  )
}

interface RowProps {
  readonly id: string
  readonly index: number
  readonly command: Command
  readonly selected: boolean
  readonly group: string | undefined
  readonly onRun: (command: Command) => void
  readonly onPoint: (index: number) => void
}

function PaletteRow({ id, index, command, selected, group, onRun, onPoint }: RowProps) {
  const { label, shortcut, volume } = command
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keys, as its pattern asks
    <div
      id={id}
      role="option"
      aria-selected={selected}
      data-index={index}
      className={css.row}
      tabIndex={-1}
      onClick={() => onRun(command)}
      onMouseMove={() => onPoint(index)}
    >
      {volume === undefined ? (
        <span className={css.noMark} />
      ) : (
        <StateMark state={volume.status.state} labelled />
      )}
      <span className={css.label}>{label}</span>
      {group !== undefined && <span className={css.group}>{group}</span>}
      {shortcut !== undefined && <Keys keys={shortcut} />}
    </div>
  )
}
