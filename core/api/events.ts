/** What happened, newest first: the event log, and what notifications are made of. Runs anywhere. */
import { z } from 'zod'
import { volumeId } from './volumes.ts'

export const EVENT_LEVELS = ['info', 'warning', 'error'] as const
export type EventLevel = (typeof EVENT_LEVELS)[number]

/** Kinds that can be switched off as notifications. */
export const EVENT_KINDS = {
  mounted: 'Mounted',
  unmounted: 'Unmounted',
  'mount-failed': 'Mount failed',
  crashed: 'Volume process ended unexpectedly',
  unresponsive: 'Volume does not respond',
  recovered: 'Volume responds again',
  'uploads-done': 'Everything is uploaded',
  'uploads-stuck': 'Uploads are waiting',
  'disk-low': 'Cache disk is nearly full',
  'task-done': 'Task finished',
  'task-failed': 'Task failed',
  'metadata-warning': 'Metadata server warning',
  profile: 'Volume added, changed or removed',
  security: 'Access refused',
  daemon: 'Pomelo started or stopped',
} as const
export type EventKind = keyof typeof EVENT_KINDS
export const EVENT_KIND_NAMES = Object.keys(EVENT_KINDS) as readonly EventKind[]

export interface LogEvent {
  /** Rises. */
  readonly eventId: number
  readonly atMs: number
  readonly level: EventLevel
  readonly kind: EventKind
  readonly volumeId: string | null
  readonly volumeName: string | null
  readonly sentence: string
  readonly detail?: string
  readonly next?: string
}

const kind = z.enum(EVENT_KIND_NAMES as [EventKind, ...EventKind[]])
export const eventsInput = z.object({
  id: volumeId.optional(),
  levels: z.array(z.enum(EVENT_LEVELS)).optional(),
  kinds: z.array(kind).optional(),
  text: z.string().max(200).optional(),
  /** Older than this. */
  beforeId: z.number().int().optional(),
  limit: z.number().int().min(1).max(1000).default(200),
})
export interface EventsPage {
  readonly events: readonly LogEvent[]
  readonly more: boolean
}
