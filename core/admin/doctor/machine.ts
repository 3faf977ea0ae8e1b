/** This machine: can it mount, may it hold enough files open, is there room for a cache. Reads only. */
import { constants } from 'node:fs'
import { access, readFile, statfs } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import type { Finding } from '#core/base/finding.ts'
import { formatCount, formatSize } from '#core/base/units.ts'

export interface CacheDisk {
  readonly folder: string
  readonly freeBytes: number
  readonly totalBytes: number
  readonly writable: boolean
}

export interface MachineFacts {
  readonly platform: string
  readonly isRoot: boolean
  readonly fuseDevice: 'usable' | 'refused' | 'missing'
  readonly fusermount: string | undefined
  /** Whether root may mount here; a container's often may not. */
  readonly mayMount: boolean
  /** Most files one process may have open. */
  readonly openFiles: number
  /** Undefined for caches in memory. */
  readonly cache: CacheDisk | undefined
  /** Kind of the file system that a SQLite file of metadata lies on, where that is a network's. */
  readonly metadataOn: string | undefined
}

export interface MachinePlaces {
  readonly cacheDir: string | undefined
  /** SQLite's file, for local metadata. */
  readonly metaFile: string | undefined
  /** PATH. */
  readonly path: string
}

/** Types of statfs(2) where SQLite's locks cannot be relied upon. Source: linux/magic.h, fs/fuse/inode.c. */
const NETWORK_TYPES: Readonly<Record<number, string>> = {
  26985: 'NFS',
  4283649346: 'SMB',
  4266872130: 'SMB 2',
  1702057286: 'FUSE',
  12805120: 'Ceph',
}
const CAP_SYS_ADMIN = 21n

export async function readMachine({ cacheDir, metaFile, path }: MachinePlaces): Promise<MachineFacts> {
  const folders = [...path.split(delimiter), '/usr/bin', '/bin']
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    fuseDevice: await fuseDevice(),
    fusermount: (await firstProgram(folders, 'fusermount3')) ?? (await firstProgram(folders, 'fusermount')),
    mayMount: await mayMount(),
    openFiles: await openFiles(),
    cache: cacheDir === undefined ? undefined : await cacheDisk(cacheDir),
    metadataOn: metaFile === undefined ? undefined : await networkType(metaFile),
  }
}

export function machineFindings(facts: MachineFacts): readonly Finding[] {
  return [mounting(facts), files(facts), ...cache(facts), ...metadata(facts)]
}

function mounting({ platform, isRoot, fuseDevice, fusermount, mayMount: allowed }: MachineFacts): Finding {
  const code = 'mount'
  const cannot = (sentence: string, next: string): Finding => ({ level: 'problem', code, sentence, next })
  if (platform !== 'linux')
    return cannot(
      `This system is ${platform}; volumes are mounted on Linux.`,
      'use the commands that need no mount: pomelo ls, cat, cp',
    )
  if (fuseDevice === 'missing')
    return cannot(
      'There is no /dev/fuse: nothing can be mounted here.',
      'sudo modprobe fuse; a container is started with --device /dev/fuse --cap-add SYS_ADMIN',
    )
  if (fuseDevice === 'refused')
    return cannot('/dev/fuse may not be opened by you.', 'ask for read and write permission on /dev/fuse')
  if (fusermount === undefined && !(isRoot && allowed))
    return cannot(
      isRoot
        ? 'root may not mount in this container.'
        : 'fusermount3 is missing, which mounts for ordinary users.',
      isRoot
        ? 'start it with --cap-add SYS_ADMIN --device /dev/fuse'
        : 'install the package fuse3 of your distribution',
    )
  const how = isRoot && allowed ? 'as root' : `through ${fusermount}`
  return { level: 'ok', code, sentence: `Volumes can be mounted on this machine, ${how}.` }
}

const FEW_FILES = 1024
const ENOUGH_FILES = 8192

/** A mount holds no descriptor for a file that is open in it, but one for each cached block in use and connection. */
function files({ openFiles: most }: MachineFacts): Finding {
  const sentence = `A process may have ${Number.isFinite(most) ? formatCount(most) : 'any number of'} files open`
  if (most >= ENOUGH_FILES) return { level: 'ok', code: 'open-files', sentence: `${sentence}.` }
  return {
    level: most <= FEW_FILES ? 'warning' : 'note',
    code: 'open-files',
    sentence: `${sentence}: a busy mount uses one for each cached block it reads and each connection, and may run out.`,
    next: 'raise the limit: ulimit -n 65536, or LimitNOFILE= of the service',
  }
}

/** Part of the disk that a cache leaves free, by default. */
const FREE_RATIO = 0.1
const SMALL_CACHE = 2 ** 30

function cache({ cache: disk }: MachineFacts): readonly Finding[] {
  if (disk === undefined) return []
  const { folder, freeBytes, totalBytes, writable } = disk
  const code = 'cache'
  if (!writable)
    return [
      {
        level: 'warning',
        code,
        sentence: `The cache folder ${folder} cannot be written: every read will come from the bucket.`,
        next: 'name a folder of yours with --cache-dir',
      },
    ]
  const room = Math.max(0, freeBytes - totalBytes * FREE_RATIO)
  const left = `${formatSize(freeBytes)} of ${formatSize(totalBytes)} are free on the disk of ${folder}`
  if (room < SMALL_CACHE)
    return [
      {
        level: 'warning',
        code,
        sentence: `${left}, of which the cache leaves a tenth of the disk alone: it can hold ${formatSize(room)}, so most reads will come from the bucket.`,
        next: 'make room there, or name a larger disk with --cache-dir',
      },
    ]
  return [{ level: 'ok', code, sentence: `${left}: the cache can hold ${formatSize(room)}.` }]
}

function metadata({ metadataOn }: MachineFacts): readonly Finding[] {
  if (metadataOn === undefined) return []
  return [
    {
      level: 'warning',
      code: 'metadata-file-system',
      sentence: `The metadata lie in a file on ${metadataOn}, where locks between machines cannot be relied upon: two clients at once may damage it.`,
      next: 'keep the file on a local disk, or use a metadata server (redis, postgres) for a team',
    },
  ]
}

async function fuseDevice(): Promise<MachineFacts['fuseDevice']> {
  if (!(await may('/dev/fuse', constants.F_OK))) return 'missing'
  return (await may('/dev/fuse', constants.R_OK | constants.W_OK)) ? 'usable' : 'refused'
}

async function firstProgram(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) if (await may(join(folder, name), constants.X_OK)) return join(folder, name)
  return undefined
}

async function mayMount(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1]
  return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n
}

/** The hard limit: Node raises the soft one to it when it starts. */
async function openFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const hard = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

async function cacheDisk(folder: string): Promise<CacheDisk> {
  const existing = await nearestExisting(folder)
  const { bavail, blocks, bsize } = await statfs(existing)
  const writable = await may(existing, constants.W_OK | constants.X_OK)
  return { folder, freeBytes: bavail * bsize, totalBytes: blocks * bsize, writable }
}

async function networkType(file: string): Promise<string | undefined> {
  const { type } = await statfs(await nearestExisting(dirname(file)))
  return NETWORK_TYPES[type >>> 0]
}

async function nearestExisting(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at))
    if (at === dirname(at) || (await may(at, constants.F_OK))) return at
}

function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
