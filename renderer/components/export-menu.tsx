import { Button, Menu } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { count, percent } from '../format/number.ts'
import { s } from '../strings/strings.ts'
import { saveFile } from './save-file.ts'
import { TABLE_FORMATS, type Table, type TableFormat, tableFile } from './table-file.ts'
import { useUi } from './ui-store.ts'

interface Props<T> {
  readonly table: Table<T>
  /** What of: for tables that share a page. */
  readonly label?: string
  readonly disabled?: boolean
}

/** Saves a whole table as CSV or JSON; while that goes on it says how far it is, and stops it. */
export function ExportMenu<T>({ table, label, disabled = false }: Props<T>) {
  const words = s.common.exporting
  const [done, setDone] = useState<number>()
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  async function save(format: TableFormat): Promise<void> {
    const stop = new AbortController()
    running.current = stop
    const { signal } = stop
    let rows = 0
    setDone(0)
    try {
      const file = await tableFile(table, format, {
        signal,
        onRows: (now) => {
          rows = now
          setDone(now)
        },
      })
      const name = `${table.name}.${format}`
      saveFile(name, file)
      useUi.getState().say(words.saved(name, count(rows)))
    } catch (error) {
      if (!signal.aborted) useUi.getState().fail(error, words.doing)
    } finally {
      setDone(undefined)
    }
  }

  if (done !== undefined)
    return (
      <Button variant="default" size="compact-sm" data-figures onClick={() => running.current?.abort()}>
        {table.total === undefined
          ? words.stop(count(done))
          : words.stop(percent(Math.min(done, table.total), table.total))}
      </Button>
    )
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconDownload size={14} />}
          aria-label={label === undefined ? undefined : words.of(label)}
          disabled={disabled}
        >
          {words.start}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(TABLE_FORMATS) as TableFormat[]).map((format) => (
          <Menu.Item key={format} onClick={() => void save(format)}>
            {words.formats[format]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
