/**
 * Packages of the distribution: which are missing, installing them where that is allowed, and else the
 * exact command to type. Plain JavaScript for Node 20 or later.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Full path of a program, or undefined. Looks in the sbin folders too. */
export function which(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

const MANAGERS = [
  {
    program: 'apt-get',
    install: ['install', '-y', '--no-install-recommends'],
    update: ['update'],
    // Test files that start at the same moment may each find something missing.
    always: ['-o', 'DPkg::Lock::Timeout=120'],
  },
  { program: 'dnf', install: ['install', '-y'] },
  { program: 'pacman', install: ['-S', '--noconfirm'] },
  { program: 'zypper', install: ['install', '-y'] },
  { program: 'apk', install: ['add'] },
]

function manager() {
  return MANAGERS.find(({ program }) => which(program) !== undefined)
}

/** The command a person would type to install these packages. */
export function installCommand(packages) {
  const found = manager()
  if (found === undefined) return `install with your package manager: ${packages.join(' ')}`
  return `sudo ${found.program} ${found.install.filter((word) => !word.startsWith('--no')).join(' ')} ${packages.join(' ')}`
}

/** Install packages if we are root and there is a package manager. Returns false when that was not possible. */
export function installPackages(packages, { timeoutMs = 300_000 } = {}) {
  const found = manager()
  if (found === undefined || process.getuid?.() !== 0) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = (args) =>
    spawnSync(found.program, [...(found.always ?? []), ...args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: timeoutMs,
    }).status === 0
  if (run([...found.install, ...packages])) return true
  return found.update !== undefined && run(found.update) && run([...found.install, ...packages])
}

/** Why this machine cannot mount, with the next step; undefined when it can. */
export function mountObstacle() {
  if (process.platform !== 'linux')
    return `mounting through our own pump needs Linux; this is ${process.platform}`
  if (!existsSync('/dev/fuse')) {
    return existsSync('/.dockerenv') || existsSync('/run/.containerenv')
      ? 'this container has no /dev/fuse; start it with `--device /dev/fuse --cap-add SYS_ADMIN`'
      : 'there is no /dev/fuse; load the kernel module with `sudo modprobe fuse`'
  }
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'you may not open /dev/fuse; ask for read and write permission on it (`ls -l /dev/fuse`)'
  }
  if (process.getuid?.() !== 0 && which('fusermount3') === undefined)
    return `fusermount3 is missing, which mounts for ordinary users; ${installCommand(['fuse3'])}`
  if (process.getuid?.() === 0 && !hasAdminCapability() && which('fusermount3') === undefined)
    return 'this container may not mount; start it with `--cap-add SYS_ADMIN --device /dev/fuse`'
  return undefined
}

function hasAdminCapability() {
  const status = spawnSync('cat', ['/proc/self/status'], { encoding: 'utf8' }).stdout ?? ''
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1]
  return effective === undefined || (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n
}
