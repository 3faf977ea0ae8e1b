import { Button, Progress } from '@mantine/core'
import {
  IconCircleCheck,
  IconCircleMinus,
  IconCircleX,
  IconLoader2,
  IconPlayerPause,
} from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import type { Task, TaskState } from '#core/api/tasks.ts'
import { useApi } from '../../api/api.ts'
import { useTasks } from '../../api/live.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Panel } from '../../components/panel.tsx'
import { TimeAgo, useNow } from '../../components/time-ago.tsx'
import { useUi } from '../../components/ui-store.ts'
import { s } from '../../strings/strings.ts'
import css from './activity.module.css'
import { progressLine, shareOf } from './task-progress.ts'
import { TaskResultView } from './task-result.tsx'

const SIGNS: Readonly<Record<TaskState, typeof IconLoader2>> = {
  running: IconLoader2,
  done: IconCircleCheck,
  failed: IconCircleX,
  cancelled: IconCircleMinus,
}

/** Work that runs or has run, newest first; of one volume or of all. */
export function TaskList({ volumeId }: { readonly volumeId?: string }) {
  const { trpc } = useApi()
  const all = useTasks()
  const tasks = useMemo(
    () =>
      all
        .filter((task) => volumeId === undefined || task.volumeId === volumeId)
        .sort(
          (a, b) =>
            Number(b.state === 'running') - Number(a.state === 'running') || b.startedMs - a.startedMs,
        ),
    [all, volumeId],
  )
  const words = s.activity.tasks
  return (
    <Panel
      title={words.title}
      actions={
        tasks.some(({ state }) => state !== 'running') && (
          <Button
            variant="default"
            size="compact-sm"
            onClick={() => {
              trpc.tasks.clear.mutate().catch((error: unknown) => useUi.getState().fail(error, words.clear))
            }}
          >
            {words.clear}
          </Button>
        )
      }
    >
      {tasks.length === 0 && <p className={css.dim}>{words.none}</p>}
      <ul>
        {tasks.map((task) => (
          <TaskRow key={task.taskId} task={task} withVolume={volumeId === undefined} />
        ))}
      </ul>
    </Panel>
  )
}

function TaskRow({ task, withVolume }: { readonly task: Task; readonly withVolume: boolean }) {
  const { trpc } = useApi()
  const nowMs = useNow()
  const [open, setOpen] = useState(false)
  const { taskId, title, state, volumeName, error, result, canCancel, canPause, canRetry, startedMs } = task
  const words = s.activity.tasks
  const paused = task.pausedSinceMs !== null
  const Sign = paused ? IconPlayerPause : SIGNS[state]
  const share = shareOf(task)
  const fail = (doing: string) => (cause: unknown) => useUi.getState().fail(cause, doing)
  return (
    <li className={css.task}>
      <Sign
        className={css.sign}
        size={18}
        stroke={1.75}
        data-state={paused ? 'paused' : state}
        aria-label={paused ? words.paused : s.activity.states[state]}
      />
      <div className={css.words}>
        <p className={css.title}>
          <strong>{title}</strong>
          {withVolume && volumeName !== '' && <span className={css.dim}>{volumeName}</span>}
          <span className={css.when}>
            <TimeAgo atMs={startedMs} />
          </span>
        </p>
        {state === 'running' && (
          <Progress
            className={css.progress}
            size={6}
            value={(share ?? 1) * 100}
            animated={share === undefined && !paused}
            color={paused ? 'gray' : undefined}
            aria-label={words.progress(title)}
          />
        )}
        <p className={css.dim}>{result !== null ? result.sentence : progressLine(task, nowMs)}</p>
        {error !== null && (
          <ErrorNote
            error={{ message: error.message, data: { kind: 'refused', next: error.next } }}
            doing={title}
          />
        )}
        {open && result !== null && <TaskResultView result={result} />}
      </div>
      <div className={css.buttons}>
        {result !== null && result.facts.length + result.items.length + result.findings.length > 0 && (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {words.details}
          </Button>
        )}
        {canPause && state === 'running' && (
          <Button
            variant="default"
            size="compact-sm"
            onClick={() => void trpc.tasks[paused ? 'resume' : 'pause'].mutate({ taskId }).catch(fail(title))}
          >
            {paused ? words.resume : words.pause}
          </Button>
        )}
        {canCancel && state === 'running' && (
          <Button
            variant="default"
            size="compact-sm"
            onClick={() => void trpc.tasks.cancel.mutate({ taskId }).catch(fail(words.cancelling(title)))}
          >
            {words.cancel}
          </Button>
        )}
        {canRetry && state !== 'running' && (
          <Button
            variant="default"
            size="compact-sm"
            onClick={() => void trpc.tasks.retry.mutate({ taskId }).catch(fail(words.retrying(title)))}
          >
            {words.retry}
          </Button>
        )}
      </div>
    </li>
  )
}
