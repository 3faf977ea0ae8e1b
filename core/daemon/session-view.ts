/** Sessions of a volume as the API shows them. */
import { hostname } from 'node:os'
import type { ClientSession } from '#core/api/volumes.ts'
import type { VolumeRunner } from './volume-runner.ts'

/** As the operation `sessions` tells them. */
export type LocalSession = Omit<ClientSession, 'stale' | 'isThisComputer' | 'isThisMount'>

/** The session id of our own mount. */
export function knownVolume(runner: VolumeRunner): number | undefined {
  return runner.link?.status.sid
}

export function sessionsOf(
  found: readonly LocalSession[],
  ownSid: number | undefined,
): readonly ClientSession[] {
  const host = hostname()
  const now = Date.now()
  return found.map((session) => ({
    ...session,
    stale: session.expiresMs < now,
    isThisComputer: session.host === host,
    isThisMount: ownSid !== undefined && session.sid === String(ownSid),
  }))
}
