import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useApi } from '../../api/api.ts'
import { CopyButton } from '../../components/copy-button.tsx'
import { ErrorNote } from '../../components/error-note.tsx'
import { go } from '../../components/navigate.ts'
import { Notice } from '../../components/notice.tsx'
import { hrefOf, volumeHref } from '../../components/route.ts'
import { s } from '../../strings/strings.ts'
import { createDemo } from './create-demo.ts'
import css from './first-start.module.css'

/** Before the first volume: one sentence and the ways in. */
export function FirstStart() {
  const { trpc } = useApi()
  const words = s.volumes.first
  const about = useQuery({
    queryKey: ['about'],
    queryFn: ({ signal }) => trpc.system.about.query(undefined, { signal }),
  })
  const demo = useMutation({
    mutationFn: async () => createDemo(trpc, about.data ?? (await trpc.system.about.query())),
    onSuccess: (id) => go(volumeHref(id)),
  })
  const obstacle = about.data?.mountObstacle ?? null
  return (
    <div className={css.first}>
      <img src={new URL('../../theme/mark.svg', import.meta.url).href} width="64" height="64" alt="" />
      <h1>{words.title}</h1>
      <p className={css.text}>{words.text}</p>
      {obstacle !== null && (
        <Notice tone="waiting" title={words.obstacle} actions={<CopyButton text={obstacle} />}>
          {obstacle}
        </Notice>
      )}
      <div className={css.ways}>
        <Way
          label={s.shell.newVolume}
          text={words.newText}
          primary
          onClick={() => go(hrefOf({ page: 'new' }))}
        />
        <Way
          label={s.shell.connectVolume}
          text={words.connectText}
          onClick={() => go(hrefOf({ page: 'connect' }))}
        />
      </div>
      <div className={css.demo}>
        <Button variant="subtle" loading={demo.isPending} onClick={() => demo.mutate()}>
          {s.shell.demo}
        </Button>
        <p>{demo.isPending ? words.demoStarting : words.demoText}</p>
      </div>
      {demo.isError && (
        <ErrorNote error={demo.error} doing={s.volumes.doing.demo} onRetry={() => demo.mutate()} />
      )}
    </div>
  )
}

interface WayProps {
  readonly label: string
  readonly text: string
  readonly primary?: boolean
  readonly onClick: () => void
}

function Way({ label, text, primary = false, onClick }: WayProps) {
  return (
    <div className={css.way}>
      <Button size="md" variant={primary ? 'filled' : 'default'} onClick={onClick} fullWidth>
        {label}
      </Button>
      <p>{text}</p>
    </div>
  )
}
