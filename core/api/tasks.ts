/** Work that takes a while: started, watched, cancelled, tried again. Runs anywhere. */
import { z } from 'zod'
import { volumePath } from './files.ts'
import type { Finding } from './findings.ts'
import { createInput, volumeId } from './volumes.ts'

const paths = z.array(volumePath).min(1).max(10_000)

/** What can be started, with what it needs. */
export const taskSpec = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('fsck'),
    id: volumeId,
    path: volumePath.optional(),
    repair: z.boolean().default(false),
  }),
  z.object({
    kind: z.literal('gc'),
    id: volumeId,
    delete: z.boolean().default(false),
    compact: z.boolean().default(false),
  }),
  z.object({ kind: z.literal('compact'), id: volumeId, paths: paths.default(['/']) }),
  z.object({ kind: z.literal('warm-up'), id: volumeId, paths }),
  z.object({ kind: z.literal('drop-cache'), id: volumeId, paths }),
  z.object({ kind: z.literal('pin'), id: volumeId, paths }),
  z.object({ kind: z.literal('count-space'), id: volumeId }),
  /** Goes over metadata and bucket for the inspector. */
  z.object({ kind: z.literal('survey'), id: volumeId }),
  /** Reads what is not known yet; `limitMbps` 0 is no limit of its own. */
  z.object({
    kind: z.literal('find-duplicates'),
    id: volumeId,
    cachedOnly: z.boolean().default(false),
    limitMbps: z.number().min(0).max(1_000_000).default(0),
  }),
  z.object({ kind: z.literal('dedup'), id: volumeId }),
  z.object({
    kind: z.literal('remove-tree'),
    id: volumeId,
    path: volumePath,
    skipTrash: z.boolean().default(false),
  }),
  z.object({
    kind: z.literal('restore-trash'),
    id: volumeId,
    hours: z.array(z.string().max(20)).min(1).max(10_000),
  }),
  /** For good; `confirm` is the volume's shown name, typed. */
  z.object({ kind: z.literal('empty-trash'), id: volumeId, confirm: z.string().max(255) }),
  z.object({ kind: z.literal('clone'), id: volumeId, from: volumePath, to: volumePath }),
  z.object({ kind: z.literal('dump'), id: volumeId, file: z.string().startsWith('/').max(4096) }),
  z.object({ kind: z.literal('destroy'), id: volumeId, confirm: z.string().max(255) }),
  z.object({ kind: z.literal('create'), create: createInput }),
])
export type TaskSpec = z.input<typeof taskSpec>
/** `upload` and `download` are made by the file routes; who began one begins it again. */
export type TaskKind = z.infer<typeof taskSpec>['kind'] | 'upload' | 'download'

export const TASK_LABELS = {
  fsck: 'Check volume',
  gc: 'Collect garbage',
  compact: 'Compact files',
  'warm-up': 'Warm up cache',
  'drop-cache': 'Drop from cache',
  pin: 'Keep on this computer',
  'count-space': 'Count space',
  survey: 'Survey the bucket',
  'find-duplicates': 'Find duplicates',
  dedup: 'Store duplicates once',
  'remove-tree': 'Delete folder',
  'restore-trash': 'Restore from trash',
  'empty-trash': 'Empty the trash',
  clone: 'Clone',
  dump: 'Back up metadata',
  destroy: 'Delete volume',
  create: 'Create volume',
  upload: 'Upload',
  download: 'Download',
} as const satisfies Record<TaskKind, string>

export type TaskState = 'running' | 'done' | 'failed' | 'cancelled'

export interface TaskProgress {
  /** What it is doing now: "checking metadata". */
  readonly step: string
  readonly done: number
  /** Null: cannot be told before. */
  readonly total: number | null
  readonly unit: 'bytes' | 'files' | 'objects' | 'steps'
}

export interface TaskResult {
  readonly sentence: string
  readonly facts: readonly {
    readonly label: string
    readonly value: number
    readonly unit: 'count' | 'bytes' | 'ms'
  }[]
  readonly findings: readonly Finding[]
  /** Paths or keys the result names, the first thousand. */
  readonly items: readonly { readonly path: string; readonly note: string }[]
  /** Of `create`: the new volume. */
  readonly volumeId?: string
}

export interface Task {
  readonly taskId: string
  readonly kind: TaskKind
  readonly volumeId: string | null
  readonly volumeName: string
  /** "Warm up /photos". */
  readonly title: string
  readonly state: TaskState
  readonly startedMs: number
  readonly endedMs: number | null
  readonly progress: TaskProgress
  readonly result: TaskResult | null
  readonly error: { readonly message: string; readonly next?: string } | null
  readonly canCancel: boolean
  /** It goes on until its next step, waits there for `resume`, and may be cancelled meanwhile. */
  readonly canPause: boolean
  /** Set while it is paused; its state is `running` all the same. */
  readonly pausedSinceMs: number | null
  readonly canRetry: boolean
}

export const taskRef = z.object({ taskId: z.string().max(100) })
export const tasksInput = z.object({
  id: volumeId.optional(),
  running: z.boolean().optional(),
  limit: z.number().int().min(1).max(500).default(100),
})

export type TasksChange =
  | { readonly kind: 'all'; readonly tasks: readonly Task[] }
  | { readonly kind: 'change'; readonly tasks: readonly Task[]; readonly removed: readonly string[] }
