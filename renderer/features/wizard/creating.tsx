import { Button, Progress } from '@mantine/core'
import { useEffect } from 'react'
import type { Task } from '#core/api/tasks.ts'
import { useTasks } from '../../api/live.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { go } from '../../components/navigate.ts'
import { volumeHref } from '../../components/route.ts'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './wizard.module.css'

interface Props {
  readonly name: string
  /** As it was when it began. */
  readonly task: Task | undefined
  readonly error: unknown
  readonly onBack: () => void
}

/** The volume is being made; ends at the volume. */
export function Creating({ name, task: begun, error, onBack }: Props) {
  const tasks = useTasks()
  const task = tasks.find(({ taskId }) => taskId === begun?.taskId) ?? begun
  const words = s.wizard.progress
  const volumeId = task?.state === 'done' ? task.result?.volumeId : undefined
  useEffect(() => {
    if (volumeId === undefined) return
    useUi.getState().say(words.done(name))
    go(volumeHref(volumeId), { replace: true })
  }, [volumeId, name, words])

  const failure =
    error ??
    (task?.error == null
      ? undefined
      : { message: task.error.message, data: { kind: 'refused', next: task.error.next } })
  if (failure !== undefined) {
    return (
      <div className={css.progress}>
        <ErrorNote error={failure} doing={words.failed(name)} meaning={words.failedMeaning} />
        <Button variant="default" onClick={onBack}>
          {words.back}
        </Button>
      </div>
    )
  }
  const { step, done, total } = task?.progress ?? { step: '', done: 0, total: null }
  return (
    <div className={css.progress} role="status">
      <h1>{words.title(name)}</h1>
      <Progress value={total === null ? 0 : (done / total) * 100} aria-label={words.title(name)} />
      <p className={css.dim}>
        {step} {total !== null && words.step(done, total)}
      </p>
    </div>
  )
}
