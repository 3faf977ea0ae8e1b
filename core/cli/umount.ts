import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatSize } from '#core/base/units.ts'
import { type ControlClient, findProcess, mountedPath } from '#core/volume/control-client.ts'
import { describeHolder, findHolders } from '#core/volume/holders.ts'
import {
  connectionOf,
  isVolumeMount,
  type MountEntry,
  mountAt,
  readMounts,
} from '#core/volume/mount-table.ts'
import { type Call, defineCommand } from './command.ts'
import type { Output } from './output.ts'

const OPTIONS = {
  force: { kind: 'flag', short: 'f', help: 'do not wait: flush for a moment, then cut the connection' },
  lazy: { kind: 'flag', short: 'l', help: 'take it out of the tree now, end when the last user is done' },
  flush: { kind: 'flag', help: 'also wait until staged blocks (--writeback) are uploaded' },
} as const

const ENDS_IN_MS = 30_000
const FORCE_ANSWERS_MS = 10_000

export const umount = defineCommand({
  name: 'umount',
  operands: 'MOUNT-POINT…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Flush what is written, unmount, and wait until the process has ended.',
  description:
    'When the mount is in use, says by whom. --force always ends it, also when it hangs or is dead.',
  options: OPTIONS,
  examples: ['pomelo umount ~/team', 'pomelo umount --flush ~/team', 'pomelo umount --force ~/team'],
  async run(call) {
    for (const text of call.operands) await unmountOne(call, await findMount(text))
    return 0
  },
})

async function findMount(text: string): Promise<MountEntry> {
  const path = resolve(text)
  const exact = mountAt(await readMounts(), path)
  if (exact !== undefined && isVolumeMount(exact)) return exact
  const inside = await mountedPath(text)
  if (inside === undefined) {
    throw new Refusal(
      exact === undefined
        ? `nothing is mounted at ${path}`
        : `${path} is a mount of type ${exact.type}, no volume`,
    )
  }
  if (inside.path !== '/')
    throw new Refusal(
      `${path} is inside the mount ${inside.mount.path}`,
      `pomelo umount ${inside.mount.path}`,
    )
  return inside.mount
}

async function unmountOne(call: Call<typeof OPTIONS>, mount: MountEntry): Promise<void> {
  const { options, out, signal } = call
  const process = options.force
    ? await findProcess(mount.path).catch(() => undefined)
    : await answering(mount)
  const pid =
    process === undefined
      ? undefined
      : await process.status().then(
          ({ pid }) => pid,
          () => undefined,
        )
  if (options.force) await forceOut(mount, process, signal)
  else if (process === undefined) await systemUnmount(mount, options.lazy)
  else await drainOut(call, mount, process)
  if (pid !== undefined && !options.lazy) await processEnd(pid, out, signal)
  out.data({ mountPoint: mount.path, unmounted: true }, () => out.note(`unmounted ${mount.path}`))
}

/** The process of the mount; one that is there and says nothing is not waited for. */
async function answering(mount: MountEntry): Promise<ControlClient | undefined> {
  try {
    return await findProcess(mount.path)
  } catch (cause) {
    throw new Refusal(
      `the process that serves ${mount.path} does not answer`,
      `pomelo umount --force ${mount.path}`,
      { cause },
    )
  }
}

async function drainOut(
  { options, out, signal }: Call<typeof OPTIONS>,
  mount: MountEntry,
  process: ControlClient,
): Promise<void> {
  const progress = out.progress(`Flushing ${mount.path}`)
  const onProgress = (value: unknown) => {
    const { pendingBytes } = value as { pendingBytes: number }
    progress.update(`${formatSize(pendingBytes)} to go`)
  }
  try {
    await process.call('unmount', { staged: options.flush, lazy: options.lazy }, { signal, onProgress })
  } catch (error) {
    // The process may be gone before its answer is through.
    if (error instanceof BackendError && !(await isMounted(mount))) return
    throw await withHolders(error, mount)
  } finally {
    out.endProgress()
  }
}

/** The error with the names of those who use the mount. */
async function withHolders(error: unknown, mount: MountEntry): Promise<unknown> {
  const holders = await findHolders(mount.path)
  if (holders.length === 0 || !(error instanceof Error)) return error
  const lines = holders.slice(0, 10).map((holder) => `\n    ${describeHolder(holder)}`)
  return new Refusal(
    `${mount.path} is in use by${lines.join('')}`,
    `end them, or: pomelo umount --lazy ${mount.path}`,
    { cause: error },
  )
}

/** A mount none of our processes answers for: dead, the reference's, or of a process without its socket. */
async function systemUnmount(mount: MountEntry, lazy: boolean): Promise<void> {
  const [program, args] =
    process.getuid?.() === 0
      ? ['umount', [...(lazy ? ['-l'] : []), mount.path]]
      : ['fusermount3', [lazy ? '-uz' : '-u', mount.path]]
  try {
    await promisify(execFile)(program as string, args as string[], { timeout: ENDS_IN_MS })
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: string }
    if (code === 'ENOENT') throw new Refusal(`${program} is not installed`, 'install the package fuse3')
    throw await withHolders(
      new Refusal(stderr?.trim() || `${program} failed`, `pomelo umount --force ${mount.path}`),
      mount,
    )
  }
}

/** Ask for it, then cut the connection in the kernel, then take the mount out of the tree: whatever works. */
async function forceOut(
  mount: MountEntry,
  process: ControlClient | undefined,
  signal: AbortSignal,
): Promise<void> {
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(FORCE_ANSWERS_MS)])
  await process?.call('unmount', { force: true }, { signal: timeout }).catch(() => {})
  signal.throwIfAborted()
  if (!(await isMounted(mount))) return
  await writeFile(`/sys/fs/fuse/connections/${connectionOf(mount)}/abort`, '1').catch(() => {})
  await systemUnmount(mount, true)
}

async function isMounted({ id }: MountEntry): Promise<boolean> {
  return (await readMounts()).some((mount) => mount.id === id)
}

/** The process must be gone too, or its last uploads would be forgotten (users-and-peers.md A3). */
async function processEnd(pid: number, out: Output, signal: AbortSignal): Promise<void> {
  const progress = out.progress('Waiting for the volume process')
  const deadline = systemClock.monotonicMs() + ENDS_IN_MS
  while (await isAlive(pid)) {
    if (systemClock.monotonicMs() > deadline) {
      out.warn(`unmounted, but process ${pid} has not ended: it may still be uploading`)
      break
    }
    progress.update(`${pid}`)
    await systemClock.sleep(50, signal)
  }
  out.endProgress()
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // A zombie has ended; whether it is ever collected is up to its parent.
  return stat !== undefined && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}
