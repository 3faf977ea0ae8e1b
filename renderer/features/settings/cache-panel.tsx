import { NumberInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useApi } from '../../api/api.ts'
import { DiskBar } from '../../components/disk-bar.tsx'
import { FolderField } from '../../components/folder-field.tsx'
import { Panel } from '../../components/panel.tsx'
import { bytes, parseBytes } from '../../format/bytes.ts'
import { s } from '../../strings/strings.ts'
import type { SettingsPanelProps } from './panel-props.ts'
import css from './settings.module.css'

export function CachePanel({
  settings: { cacheDir, cacheBytes, freeSpaceRatio },
  onChange,
}: SettingsPanelProps) {
  const { trpc } = useApi()
  const words = s.settings.cache
  const [size, setSize] = useState(bytes(cacheBytes))
  const { data } = useQuery({
    queryKey: ['cache'],
    queryFn: ({ signal }) => trpc.system.cache.query(undefined, { signal }),
  })
  const parsed = parseBytes(size)
  return (
    <Panel title={words.title}>
      <div className={css.fields}>
        {data !== undefined && <DiskBar overview={data} />}
        <FolderField
          label={words.folder}
          hint={words.folderHint}
          placeholder={data?.dir}
          value={cacheDir ?? ''}
          onChange={(folder) => onChange({ cacheDir: folder === '' ? null : folder })}
        />
        <div className={css.pair}>
          <TextInput
            label={words.size}
            description={words.sizeHint}
            value={size}
            error={parsed === undefined ? words.badSize : undefined}
            onChange={(event) => setSize(event.currentTarget.value)}
            onBlur={() =>
              parsed !== undefined &&
              parsed !== cacheBytes &&
              bytes(cacheBytes) !== size &&
              onChange({ cacheBytes: parsed })
            }
          />
          <NumberInput
            label={words.ratio}
            description={
              data === undefined ? ' ' : s.common.of(bytes(data.reserveBytes), bytes(data.diskBytes))
            }
            suffix=" %"
            value={Math.round(freeSpaceRatio * 100)}
            min={0}
            max={99}
            allowDecimal={false}
            onChange={(value) => typeof value === 'number' && onChange({ freeSpaceRatio: value / 100 })}
          />
        </div>
      </div>
    </Panel>
  )
}
