/**
 * An unmount as a conversation: flush, wait for uploads, name who holds it and try again while they do, until it
 * succeeds or the user says `force`, `abort` or cancels. Nothing here touches the mount.
 */
import type { UnmountProgress } from '#core/api/states.ts'
import type { UnmountHow } from '#core/api/volumes.ts'
import { systemClock } from '#core/base/clock.ts'
import type { ControlClient } from '#core/volume/control-client.ts'
import { abortMount, detachMount, isAlive } from '#core/volume/dead-mount.ts'
import { findHolders } from '#core/volume/holders.ts'
import { type MountEntry, mountAt, readMounts } from '#core/volume/mount-table.ts'

export interface Mounted {
  readonly client: ControlClient
  readonly pid: number
  readonly mountPoint: string
}

const AGAIN_MS = 1000
const FORCE_MS = 10_000
const ENDS_MS = 30_000

/** Resolves when the mount is gone and its process has ended. Rejects when `signal` fires or it cannot be done. */
export async function unmount(
  mounted: Mounted,
  how: UnmountHow,
  onProgress: (progress: UnmountProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const entry = mountAt(await readMounts(), mounted.mountPoint)
  if (entry !== undefined) {
    if (how === 'force') await force(mounted, entry, onProgress, signal)
    else if (how === 'abort') await cut(mounted, entry, onProgress)
    else await ask(mounted, entry, how === 'ask', onProgress, signal)
  }
  await processEnd(mounted.pid)
}

async function ask(
  { client, mountPoint, pid }: Mounted,
  entry: MountEntry,
  staged: boolean,
  onProgress: (progress: UnmountProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const step = staged ? 'uploading' : 'flushing'
  for (;;) {
    const failure = await client
      .call(
        'unmount',
        { staged },
        {
          signal,
          onProgress: (value) => {
            const { pendingBytes } = value as { pendingBytes: number }
            onProgress({ step, pendingBytes, holders: [] })
          },
        },
      )
      .then(
        () => undefined,
        (error: unknown) => error,
      )
    signal.throwIfAborted()
    if (!(await isThere(entry))) return
    const holders = await findHolders(mountPoint, [pid])
    // Flushing may have failed, which no waiting will cure; a mount that is in use has holders or says busy.
    if (holders.length === 0 && failure !== undefined && !/busy|in use/i.test(String(failure))) throw failure
    onProgress({ step: 'busy', pendingBytes: 0, holders })
    await systemClock.sleep(AGAIN_MS, signal)
  }
}

async function force(
  mounted: Mounted,
  entry: MountEntry,
  onProgress: (progress: UnmountProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  onProgress({ step: 'forcing', pendingBytes: 0, holders: [] })
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(FORCE_MS)])
  await mounted.client.call('unmount', { force: true }, { signal: timeout }).catch(() => {})
  if (await isThere(entry)) await cut(mounted, entry, onProgress)
}

async function cut(
  { pid }: Mounted,
  entry: MountEntry,
  onProgress: (progress: UnmountProgress) => void,
): Promise<void> {
  onProgress({ step: 'aborting', pendingBytes: 0, holders: [] })
  await abortMount(entry)
  endProcess(pid)
  if (await isThere(entry)) await detachMount(entry)
}

export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

async function isThere({ id }: MountEntry): Promise<boolean> {
  return (await readMounts()).some((mount) => mount.id === id)
}

async function processEnd(pid: number): Promise<void> {
  const deadline = systemClock.monotonicMs() + ENDS_MS
  while ((await isAlive(pid)) && systemClock.monotonicMs() < deadline) await systemClock.sleep(50)
}
