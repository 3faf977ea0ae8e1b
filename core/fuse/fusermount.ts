/**
 * fusermount3, the set-uid helper that mounts for ordinary users. It mounts and passes the descriptor of /dev/fuse
 * back over a socket named by _FUSE_COMMFD. Source: libfuse util/fusermount.c.
 */
import { closeSync } from 'node:fs'
import { type ChildResult, findProgram, runChild } from './child.ts'
import { MountError } from './mount-error.ts'
import { receiveFd, socketPair } from './pump/pump.ts'

const TIMEOUT_MS = 20_000
const INSTALL =
  'Install it: `apt-get install fuse3` (Debian, Ubuntu), `dnf install fuse3` (Fedora), `apk add fuse3` (Alpine).'

function fusermount(): string {
  const path = findProgram('fusermount3') ?? findProgram('fusermount')
  if (path === undefined)
    throw new MountError('no-fusermount', 'fusermount3 is missing; only root can mount without it', INSTALL)
  return path
}

/** Mount and return the descriptor, close-on-exec and non-blocking. Errors: MountError. */
export async function fusermountMount(
  mountpoint: string,
  fsname: string,
  subtype: string,
  words: readonly string[],
): Promise<number> {
  const program = fusermount()
  const options = [...words, `subtype=${escapeWord(subtype)}`, `fsname=${escapeWord(fsname)}`].join(',')
  const [ours, theirs] = socketPair()
  try {
    const result = await runChild(program, ['-o', options, '--', mountpoint], {
      timeoutMs: TIMEOUT_MS,
      passFd: theirs,
      env: { _FUSE_COMMFD: '3' },
    })
    if (result.code !== 0) throw refused(result, mountpoint)
    return receiveFd(ours)
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
}

/** Errors: MountError `busy`, `hung`, `not-mounted`, `no-fusermount`, `refused`. */
export async function fusermountUnmount(mountpoint: string, lazy: boolean): Promise<void> {
  const result = await runChild(fusermount(), [lazy ? '-uz' : '-u', '--', mountpoint], {
    timeoutMs: TIMEOUT_MS,
  })
  if (result.code === 0) return
  if (/not (mounted|found in)|Invalid argument/i.test(result.stderr))
    throw new MountError('not-mounted', `Nothing of ours is mounted at ${mountpoint}`)
  if (/busy/i.test(result.stderr)) throw busy(mountpoint)
  throw refused(result, mountpoint)
}

export function busy(mountpoint: string): MountError {
  return new MountError(
    'busy',
    `${mountpoint} is in use: a program has files open or its working directory there`,
    'Close it (`fuser -vm` shows which), or unmount lazily.',
  )
}

function refused(result: ChildResult, mountpoint: string): MountError {
  if (result.timedOut)
    return new MountError('hung', `fusermount3 did not end within ${TIMEOUT_MS / 1000} s for ${mountpoint}`)
  const said = result.stderr.trim() || `exit code ${result.code}`
  if (said.includes('user_allow_other'))
    return new MountError(
      'refused',
      `fusermount3 refuses to let other users in: ${said}`,
      'Leave out allow_other, or let root add the line `user_allow_other` to /etc/fuse.conf.',
    )
  if (/\/dev\/fuse: Permission denied/.test(said)) return deviceDenied(said)
  if (/device not found|No such (device|file).*fuse|\/dev\/fuse/i.test(said)) return noDevice(said)
  return new MountError('refused', `fusermount3 refuses to mount ${mountpoint}: ${said}`)
}

export function deviceDenied(detail: string): MountError {
  return new MountError(
    'device-denied',
    `/dev/fuse cannot be opened: ${detail}`,
    'As root: chmod 666 /dev/fuse. In a container, start it with `--device /dev/fuse --cap-add SYS_ADMIN`.',
  )
}

export function noDevice(detail: string): MountError {
  return new MountError(
    'no-device',
    `/dev/fuse cannot be used: ${detail}`,
    'Load the kernel module (`modprobe fuse`). In a container: `--device /dev/fuse --cap-add SYS_ADMIN`.',
  )
}

/** Commas separate words, backslashes escape. */
function escapeWord(value: string): string {
  return value.replace(/[\\,]/g, '\\$&')
}
