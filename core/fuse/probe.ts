/** The last proof that a mount is usable: another process reads its root. */
import { findProgram, runChild } from './child.ts'
import { MountError } from './mount-error.ts'

/** Errors: MountError `not-ready`. */
export async function probeRoot(mountpoint: string, timeoutMs: number): Promise<void> {
  const stat = findProgram('stat') ?? 'stat'
  const probe = await runChild(stat, ['-c', '%F', '--', mountpoint], { timeoutMs })
  if (probe.timedOut)
    throw new MountError(
      'not-ready',
      `The volume does not answer at ${mountpoint}`,
      'Its log says what it waits for.',
    )
  if (probe.stdout.trim() !== 'directory')
    throw new MountError(
      'not-ready',
      `The root of the volume cannot be read at ${mountpoint}: ${probe.stderr.trim()}`,
    )
}
