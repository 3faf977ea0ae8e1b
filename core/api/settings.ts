/** Settings of this computer and what can be said about it. Runs anywhere. */
import { z } from 'zod'
import { EVENT_KIND_NAMES, type EventKind } from './events.ts'
import type { Finding } from './findings.ts'
import type { EngineKind } from './volumes.ts'

const notificationKinds = z.partialRecord(
  z.enum(EVENT_KIND_NAMES as [EventKind, ...EventKind[]]),
  z.boolean(),
)

export const appSettings = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  language: z.string().max(20),
  startAtLogin: z.boolean(),
  /** New volumes are mounted in here; `~` is the home folder. */
  mountFolder: z.string().max(4096),
  /** Null: the default place. */
  cacheDir: z.string().max(4096).nullable(),
  /** Of one volume, bytes. */
  cacheBytes: z.number().int().min(0),
  freeSpaceRatio: z.number().min(0).max(0.99),
  /** Mbit/s of every mount; 0: no limit. */
  uploadMbps: z.number().min(0),
  downloadMbps: z.number().min(0),
  notifications: notificationKinds,
  updateChannel: z.enum(['release', 'beta', 'none']),
})
export type AppSettings = z.output<typeof appSettings>

export const DEFAULT_SETTINGS: AppSettings = {
  theme: 'system',
  language: 'en',
  startAtLogin: false,
  mountFolder: '~/Volumes',
  cacheDir: null,
  cacheBytes: 100 * 2 ** 30,
  freeSpaceRatio: 0.1,
  uploadMbps: 0,
  downloadMbps: 0,
  notifications: {},
  updateChannel: 'release',
}

/** What is absent stays. */
export const settingsChange = appSettings.partial()
export type SettingsChange = z.output<typeof settingsChange>

/** Kinds shown as a notification unless switched off. */
export const NOTIFIED_BY_DEFAULT: readonly EventKind[] = [
  'mount-failed',
  'crashed',
  'unresponsive',
  'uploads-stuck',
  'disk-low',
  'task-failed',
  'metadata-warning',
]

/** The disk cache of this computer and the disk it is on. */
export interface CacheOverview {
  readonly dir: string
  readonly limitBytes: number
  /** Left free on the disk whatever the limit. */
  readonly reserveBytes: number
  readonly diskBytes: number
  readonly diskFreeBytes: number
  readonly volumes: readonly {
    readonly id: string | null
    readonly name: string
    readonly cachedBytes: number
    /** Of those, what is pinned: not counted against the limit. */
    readonly pinnedBytes: number
    readonly stagedBytes: number
  }[]
}

export interface MetadataHealth {
  readonly atMs: number
  readonly engine: EngineKind
  readonly address: string
  readonly roundTripMs: number | null
  /** Of the server, or of the file. */
  readonly usedBytes: number | null
  readonly limitBytes: number | null
  readonly bytesPerInode: number | null
  /** "Redis full in about 40 days at this rate." */
  readonly forecast: { readonly sentence: string; readonly fullAtMs: number | null } | null
  readonly lastBackupMs: number | null
  readonly findings: readonly Finding[]
}

/** `api` rises with every incompatible change: a window whose number differs asks to be reloaded. */
export const API_VERSION = 1

export interface About {
  readonly api: number
  readonly version: string
  readonly clientVersion: string
  readonly node: string
  readonly platform: string
  readonly hostname: string
  readonly user: string
  readonly daemonPid: number
  readonly startedMs: number
  readonly stateDir: string
  readonly logFile: string
  /** Where secrets are kept: `file` is a file only this user can read. */
  readonly secretStore: 'file' | 'keychain'
  /** Why this computer cannot mount; null when it can. */
  readonly mountObstacle: string | null
  readonly safeToShutDown: boolean
  /** What starts the daemon at login: a unit of the user's systemd, or an entry of the desktop's autostart folder. */
  readonly startsAtLogin: 'systemd' | 'autostart' | 'no'
  readonly rssBytes: number
}

/** A signed-in window or tool. */
export interface ApiSession {
  readonly sessionId: string
  readonly sinceMs: number
  readonly lastMs: number
  readonly label: string
  readonly isThis: boolean
}
