/** The metadata server: how far away it is, what its clock says, and what it finds wrong with itself. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import type { Finding, FindingLevel } from '#core/base/finding.ts'
import { formatCount, formatDuration } from '#core/base/units.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { metadataClock } from './clocks.ts'
import { formatMs, type Timings, timeEach } from './timings.ts'
import { trouble } from './trouble.ts'

export interface MetadataFigures {
  readonly roundTrip: Timings
  /** The server's clock less ours. */
  readonly clockOffsetMs?: number
}

const ROUNDS = 50
const LIMIT_MS = 5000

export async function examineMetadata(
  engine: MetaEngine,
  clock: Clock = systemClock,
): Promise<{ readonly findings: readonly Finding[]; readonly figures?: MetadataFigures }> {
  try {
    const ask = () => engine.read([{ kind: 'counter', name: 'usedSpace' }], 'current')
    await ask() // Connections and statements are made once.
    const roundTrip = await timeEach(clock, ROUNDS, LIMIT_MS, ask)
    const clockOffsetMs = await serverOffset(engine, clock)
    const figures = { roundTrip, ...(clockOffsetMs !== undefined && { clockOffsetMs }) }
    // Engines measure the round trip as well, for those who ask them alone.
    const own = ((await engine.examine?.()) ?? []).filter(({ code }) => !code.endsWith('round-trip'))
    const clocks = clockOffsetMs === undefined ? [] : [metadataClock(clockOffsetMs)]
    return { findings: [roundTripFinding(roundTrip), ...clocks, ...own], figures }
  } catch (error) {
    return { findings: [trouble('metadata-unavailable', error, METADATA_ADVICE)] }
  }
}

export const METADATA_ADVICE = {
  unavailable: 'check that the metadata server runs and that this machine reaches it',
  denied: 'check the user of the address, the password in META_PASSWORD and the rights of that user',
} as const

async function serverOffset(engine: MetaEngine, clock: Clock): Promise<number | undefined> {
  const asked = wallMs(clock)
  const server = await engine.serverTimeMs?.()
  return server === undefined ? undefined : server - (asked + wallMs(clock)) / 2
}

function wallMs(clock: Clock): number {
  const { sec, nsec } = clock.now()
  return sec * 1000 + nsec / 1e6
}

/** Creating a file waits for one round trip, and a server's own work on it is about as long again. */
const TRIPS_PER_CREATE = 2
const ARCHIVE_FILES = 10_000

/** What a distance means for work with many files. Levels: what is felt by a person at a shell. */
export function roundTripFinding({ count, medianMs, worstMs }: Timings): Finding {
  const [level, feel] = feelOf(medianMs)
  const archiveSec = (ARCHIVE_FILES * TRIPS_PER_CREATE * medianMs) / 1000
  const archive = `unpacking ${formatCount(ARCHIVE_FILES)} files waits about ${formatDuration(archiveSec)} for it`
  return {
    level,
    code: 'metadata-round-trip',
    sentence: `A metadata round trip takes ${formatMs(medianMs)} (median of ${count}, worst ${formatMs(worstMs)}): ${feel}; ${archive}.`,
    ...((level === 'warning' || level === 'note') && {
      next: 'mount on a machine that is nearer to the metadata server, or let caches live longer: --attr-cache, --entry-cache and --dir-entry-cache',
    }),
  }
}

function feelOf(ms: number): readonly [FindingLevel, string] {
  if (ms < 2) return ['ok', 'names and attributes feel like those of a local disk']
  if (ms < 10) return ['note', 'listing is quick, work with thousands of small files is slower than locally']
  if (ms < 50) return ['warning', 'single files are fine, builds and version control will feel slow']
  return ['warning', 'every name that is not cached is a pause one notices']
}
