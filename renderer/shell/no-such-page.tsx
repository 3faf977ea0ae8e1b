import { Anchor } from '@mantine/core'
import { Empty } from '../components/empty.tsx'
import { hrefOf } from '../components/route.ts'
import { s } from '../strings/strings.ts'

export function NoSuchPage() {
  return (
    <Empty
      title={s.shell.notFound}
      actions={<Anchor href={hrefOf({ page: 'volumes' })}>{s.shell.allVolumes}</Anchor>}
    />
  )
}
