import type { Trpc } from '#core/api/client.ts'
import type { About } from '#core/api/settings.ts'

const LONGEST_MS = 30_000

/** Makes and mounts a volume that needs no server; resolves with its id. Rejects as the task says, or after 30 s. */
export async function createDemo(trpc: Trpc, { stateDir }: Pick<About, 'stateDir'>): Promise<string> {
  const folder = `${stateDir}/demo-${Date.now().toString(36)}`
  const task = await trpc.volumes.create.mutate({
    name: 'demo',
    format: {
      metaUrl: `sqlite3://${folder}/demo.db`,
      volumeName: 'demo',
      storage: 'file',
      bucket: `${folder}/bucket`,
    },
    mountNow: true,
  })
  return volumeOf(trpc, task.taskId)
}

/** Follows a task to its end. */
function volumeOf(trpc: Trpc, taskId: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(timeout())), LONGEST_MS)
    const watch = trpc.tasks.watch.subscribe(undefined, {
      onData: ({ tasks }) => {
        const task = tasks.find((each) => each.taskId === taskId)
        if (task === undefined || task.state === 'running') return
        const id = task.result?.volumeId
        if (task.state === 'done' && id !== undefined) end(() => resolve(id))
        else
          end(() =>
            reject({ message: task.error?.message, data: { kind: 'refused', next: task.error?.next } }),
          )
      },
      onError: (error) => end(() => reject(error)),
    })
    function end(settle: () => void): void {
      clearTimeout(timer)
      watch.unsubscribe()
      settle()
    }
  })
}

function timeout() {
  return {
    message: 'It takes longer than 30 s.',
    data: { kind: 'unavailable', next: 'Look at Activity: it may still end.' },
  }
}
