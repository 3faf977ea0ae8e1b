/** Find the process of a mount and talk to it. */
import { lstat, readlink, realpath } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { BackupOutcome } from '#core/admin/backup/job.ts'
import { BackendError } from '#core/base/errno.ts'
import { controlFolders, controlSockets, socketName } from './control-folder.ts'
import { type CallOptions, callControl } from './control-socket.ts'
import { isVolumeMount, type MountEntry, mountOf, readMounts } from './mount-table.ts'

/** What a volume process says about itself. */
export interface ProcessStatus {
  readonly pid: number
  readonly name: string
  readonly uuid: string
  /** Without its password. */
  readonly metaUrl: string
  readonly mountPoint: string
  readonly readOnly: boolean
  readonly sid: number
  readonly version: string
  readonly startedMs: number
  readonly state: 'serving' | 'draining'
  /** Why the process ends though nobody asked it to: the volume is gone or another. */
  readonly lost?: string
  /** Bytes written that are not in the object store yet. */
  readonly pendingBytes: number
  /** What came of its last metadata backup; absent when it has not tried. */
  readonly backup?: BackupOutcome
  readonly logFile?: string
}

const ANSWER_MS = 10_000

/** Talks to one volume process. */
export class ControlClient {
  readonly socket: string

  constructor(socket: string) {
    this.socket = socket
  }

  async status(options: CallOptions = {}): Promise<ProcessStatus> {
    return (await callControl(
      this.socket,
      'status',
      {},
      { silenceMs: ANSWER_MS, ...options },
    )) as ProcessStatus
  }

  call(
    op: string,
    args: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<unknown> {
    return callControl(this.socket, op, args, options)
  }
}

/** The process that serves the mount at exactly `mountPoint`; undefined when none of ours answers. */
export async function findProcess(mountPoint: string): Promise<ControlClient | undefined> {
  for (const folder of await controlFolders()) {
    const socket = join(folder, socketName(mountPoint))
    const client = new ControlClient(socket)
    try {
      await client.status()
      return client
    } catch (error) {
      if (error instanceof BackendError && error.kind === 'not-found') continue
      throw error
    }
  }
  return undefined
}

/** Every volume process this user can reach. */
export async function listProcesses(): Promise<readonly { client: ControlClient; status: ProcessStatus }[]> {
  const found = await Promise.all(
    (await controlSockets()).map(async (socket) => {
      const client = new ControlClient(socket)
      const status = await client.status({ silenceMs: 3000 }).catch(() => undefined)
      return status === undefined ? undefined : { client, status }
    }),
  )
  return found.filter((each) => each !== undefined)
}

export interface MountedPath {
  readonly mount: MountEntry
  /** Absolute from the mount's root. */
  readonly path: string
}

/**
 * The volume mount that `text` lies in, and its path there; undefined when it is on another file system. Only
 * the part above the mount is looked at: a hung mount cannot hold us up.
 */
export async function mountedPath(text: string): Promise<MountedPath | undefined> {
  const mounts = await readMounts()
  const absolute = await realUpToMount(resolve(text), mounts)
  const mount = mountOf(mounts, absolute)
  if (mount === undefined || !isVolumeMount(mount)) return undefined
  return { mount, path: `/${relative(mount.path, absolute)}` }
}

/** Resolve symlinks outside of volume mounts; those inside are for the volume to resolve. */
async function realUpToMount(path: string, mounts: readonly MountEntry[]): Promise<string> {
  const lies = (at: string) => {
    const mount = mountOf(mounts, at)
    return mount !== undefined && isVolumeMount(mount)
  }
  if (lies(path)) return path
  const parent = dirname(path)
  if (parent === path) return path
  const real = join(await realUpToMount(parent, mounts), path.slice(parent === '/' ? 1 : parent.length + 1))
  if (lies(real)) return real
  const stat = await lstat(real).catch(() => undefined)
  if (stat?.isSymbolicLink() !== true) return real
  const target = resolve(dirname(real), await readlink(real))
  if (lies(target)) return target
  return realpath(real).catch(() => real)
}
