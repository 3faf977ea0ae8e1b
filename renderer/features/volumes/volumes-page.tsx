import { Button } from '@mantine/core'
import { useVolumes, useVolumesLoaded } from '../../api/live.ts'
import { go } from '../../components/navigate.ts'
import { Page } from '../../components/page.tsx'
import { hrefOf } from '../../components/route.ts'
import { isUp } from '../../components/volume-actions.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { FirstStart } from './first-start.tsx'
import { VolumesTable } from './volumes-table.tsx'

/** Every volume of this computer, or the way to the first one. */
export default function VolumesPage() {
  const volumes = useVolumes()
  const loaded = useVolumesLoaded()
  if (!loaded) return null
  if (volumes.length === 0) return <FirstStart />
  return (
    <Page
      fixed
      title={s.volumes.title}
      note={s.volumes.summary(count(volumes.filter(isUp).length), count(volumes.length))}
      actions={
        <>
          <Button variant="default" onClick={() => go(hrefOf({ page: 'connect' }))}>
            {s.shell.connectVolume}
          </Button>
          <Button onClick={() => go(hrefOf({ page: 'new' }))}>{s.shell.newVolume}</Button>
        </>
      }
    >
      <VolumesTable volumes={volumes} />
    </Page>
  )
}
