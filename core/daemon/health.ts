/** How the metadata server of a volume does: measured now, and compared with what was seen before for a forecast. */
import type { Finding } from '#core/api/findings.ts'
import type { MetadataHealth } from '#core/api/settings.ts'
import { redactUrl } from '#core/base/redact.ts'
import type { Daemon } from './daemon.ts'
import { engineKind } from './engine-kind.ts'

/** As the operation `health` tells it. */
interface Measured {
  readonly roundTripMs: number | null
  readonly usedBytes: number | null
  readonly limitBytes: number | null
  readonly inodes: number
  /** Into the bucket, by any client. */
  readonly lastBackupMs: number | null
  readonly findings: readonly Finding[]
}

interface Growth {
  readonly points: readonly { readonly atMs: number; readonly usedBytes: number }[]
}

const POINT_EVERY_MS = 3600_000
const POINTS = 24 * 14
const DAY_MS = 86_400_000
/** A forecast for longer is none. */
const FARTHEST_DAYS = 3650

export class HealthBook {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  async of(id: string, signal: AbortSignal): Promise<MetadataHealth> {
    const { operators, profiles, supervisor, notes } = this.#daemon
    const measured = (await operators.of(id).call('health', {}, { signal })) as Measured
    const metaUrl = profiles.find(id)?.metaUrl ?? supervisor.get(id).link?.status.metaUrl ?? ''
    const { usedBytes, limitBytes, inodes } = measured
    const growth = this.#remember(id, usedBytes)
    return {
      atMs: Date.now(),
      engine: engineKind(metaUrl),
      address: redactUrl(metaUrl),
      roundTripMs: measured.roundTripMs,
      usedBytes,
      limitBytes,
      bytesPerInode: usedBytes === null || inodes === 0 ? null : usedBytes / inodes,
      forecast: forecastOf(growth, limitBytes),
      lastBackupMs: latest(measured.lastBackupMs, notes.get<{ atMs: number }>(id, 'backup')?.atMs),
      findings: measured.findings,
    }
  }

  #remember(id: string, usedBytes: number | null): Growth {
    const growth = this.#daemon.notes.get<Growth>(id, 'growth') ?? { points: [] }
    const last = growth.points.at(-1)
    if (usedBytes === null) return growth
    const point = { atMs: Date.now(), usedBytes }
    if (last !== undefined && point.atMs - last.atMs < POINT_EVERY_MS)
      return { points: [...growth.points, point] }
    const next = { points: [...growth.points, point].slice(-POINTS) }
    this.#daemon.notes.set(id, 'growth', next)
    return next
  }
}

function latest(a: number | null | undefined, b: number | undefined): number | null {
  return a || b ? Math.max(a ?? 0, b ?? 0) : null
}

/** By the mean growth between the first and the last point; null without a limit or enough to go by. */
export function forecastOf({ points }: Growth, limitBytes: number | null): MetadataHealth['forecast'] {
  const [first] = points
  const last = points.at(-1)
  if (limitBytes === null || first === undefined || last === undefined) return null
  const spanMs = last.atMs - first.atMs
  if (spanMs < POINT_EVERY_MS) return null
  const perDay = ((last.usedBytes - first.usedBytes) / spanMs) * DAY_MS
  if (perDay <= 0) return { sentence: 'The metadata server does not grow.', fullAtMs: null }
  const days = (limitBytes - last.usedBytes) / perDay
  if (days > FARTHEST_DAYS)
    return { sentence: 'At this rate the metadata server has room for years.', fullAtMs: null }
  const about =
    days < 1 ? 'less than a day' : `about ${Math.round(days)} ${Math.round(days) === 1 ? 'day' : 'days'}`
  return {
    sentence: `The metadata server is full in ${about} at this rate.`,
    fullAtMs: last.atMs + days * DAY_MS,
  }
}
