/** Every command: its name, what it is good for, and where it is. Loaded only when it runs. */
import type { Command } from './command.ts'
import type { CommandSummary } from './help.ts'

interface Listed extends CommandSummary {
  load(): Promise<Command>
}

const volumes = 'Volumes'
const files = 'Files, without a mount'
const trees = 'Trees and space'
const inspector = 'Inspecting the bucket'
const care = 'Checking and cleaning'

const app = 'The app'

export const COMMANDS: readonly Listed[] = [
  { group: app, name: 'ui', summary: 'open the interface', load: () => import('./ui.ts').then((m) => m.ui) },
  {
    group: app,
    name: 'volumes',
    summary: 'list the volumes of this computer',
    load: () => import('./volumes-list.ts').then((m) => m.volumesList),
  },
  {
    group: app,
    name: 'volumes add',
    summary: 'keep a volume and mount it',
    load: () => import('./volumes-list.ts').then((m) => m.volumesAdd),
  },
  {
    group: app,
    name: 'volumes mount',
    summary: 'mount one by its name',
    load: () => import('./volumes-list.ts').then((m) => m.volumesMount),
  },
  {
    group: app,
    name: 'volumes unmount',
    summary: 'unmount one by its name',
    load: () => import('./volumes-list.ts').then((m) => m.volumesUnmount),
  },
  {
    group: app,
    name: 'daemon start',
    summary: 'start the daemon in the background',
    load: () => import('./daemon.ts').then((m) => m.daemonStart),
  },
  {
    group: app,
    name: 'daemon stop',
    summary: 'end it; volumes stay mounted',
    load: () => import('./daemon.ts').then((m) => m.daemonStop),
  },
  {
    group: app,
    name: 'daemon restart',
    summary: 'end it and start it again',
    load: () => import('./daemon.ts').then((m) => m.daemonRestart),
  },
  {
    group: app,
    name: 'daemon at-login',
    summary: 'start the daemon at login, or not',
    load: () => import('./daemon.ts').then((m) => m.daemonAtLogin),
  },
  {
    group: app,
    name: 'daemon status',
    summary: 'say whether it runs',
    load: () => import('./daemon.ts').then((m) => m.daemonStatus),
  },
  {
    group: app,
    name: 'daemon run',
    summary: 'run it in the foreground',
    load: () => import('./daemon.ts').then((m) => m.daemonRun),
  },
  {
    group: volumes,
    name: 'format',
    summary: 'make a new volume',
    load: () => import('./format.ts').then((m) => m.format),
  },
  {
    group: volumes,
    name: 'mount',
    summary: 'mount a volume on a directory',
    load: () => import('./mount.ts').then((m) => m.mount),
  },
  {
    group: volumes,
    name: 'umount',
    summary: 'flush and unmount',
    load: () => import('./umount.ts').then((m) => m.umount),
  },
  {
    group: volumes,
    name: 'status',
    summary: 'show setting, usage and sessions',
    load: () => import('./status.ts').then((m) => m.status),
  },
  {
    group: volumes,
    name: 'config',
    summary: 'show or change the setting',
    load: () => import('./config.ts').then((m) => m.config),
  },
  {
    group: volumes,
    name: 'destroy',
    summary: 'remove a volume with all its data',
    load: () => import('./destroy.ts').then((m) => m.destroy),
  },
  {
    group: volumes,
    name: 'version',
    summary: 'show versions',
    load: () => import('./version.ts').then((m) => m.version),
  },
  { group: files, name: 'ls', summary: 'list a directory', load: () => import('./ls.ts').then((m) => m.ls) },
  { group: files, name: 'find', summary: 'list a tree', load: () => import('./find.ts').then((m) => m.find) },
  { group: files, name: 'cat', summary: 'print files', load: () => import('./cat.ts').then((m) => m.cat) },
  {
    group: files,
    name: 'cp',
    summary: 'copy into, out of and inside volumes',
    load: () => import('./cp.ts').then((m) => m.cp),
  },
  { group: files, name: 'rm', summary: 'remove files', load: () => import('./rm.ts').then((m) => m.rm) },
  {
    group: files,
    name: 'mkdir',
    summary: 'make directories',
    load: () => import('./mkdir.ts').then((m) => m.mkdir),
  },
  { group: files, name: 'du', summary: 'sum up sizes', load: () => import('./du.ts').then((m) => m.du) },
  {
    group: trees,
    name: 'info',
    summary: 'show where the data of a path are',
    load: () => import('./info.ts').then((m) => m.info),
  },
  {
    group: trees,
    name: 'trace',
    summary: 'show operations and what they wait for, as they happen',
    load: () => import('./trace.ts').then((m) => m.trace),
  },
  {
    group: trees,
    name: 'clone',
    summary: 'copy a tree without copying its data',
    load: () => import('./clone.ts').then((m) => m.clone),
  },
  {
    group: trees,
    name: 'rmr',
    summary: 'remove trees quickly',
    load: () => import('./rmr.ts').then((m) => m.rmr),
  },
  {
    group: trees,
    name: 'warmup',
    summary: 'fill, check or empty the cache',
    load: () => import('./warmup.ts').then((m) => m.warmup),
  },
  {
    group: trees,
    name: 'pin',
    summary: 'keep files in the cache',
    load: () => import('./pin.ts').then((m) => m.pin),
  },
  {
    group: trees,
    name: 'quota set',
    summary: 'limit a directory, user or group',
    load: () => import('./quota.ts').then((m) => m.quotaSet),
  },
  {
    group: trees,
    name: 'quota get',
    summary: 'show one limit',
    load: () => import('./quota.ts').then((m) => m.quotaGet),
  },
  {
    group: trees,
    name: 'quota list',
    summary: 'show all limits',
    load: () => import('./quota.ts').then((m) => m.quotaList),
  },
  {
    group: trees,
    name: 'quota delete',
    summary: 'lift a limit',
    load: () => import('./quota.ts').then((m) => m.quotaDelete),
  },
  {
    group: trees,
    name: 'quota check',
    summary: 'compare usage with reality',
    load: () => import('./quota.ts').then((m) => m.quotaCheck),
  },
  {
    group: trees,
    name: 'trash list',
    summary: 'show what was removed',
    load: () => import('./trash.ts').then((m) => m.trashList),
  },
  {
    group: trees,
    name: 'trash restore',
    summary: 'put removed things back',
    load: () => import('./trash.ts').then((m) => m.trashRestore),
  },
  {
    group: trees,
    name: 'trash empty',
    summary: 'remove them for good',
    load: () => import('./trash.ts').then((m) => m.trashEmpty),
  },
  {
    group: inspector,
    name: 'inspect object',
    summary: 'from an object of the bucket to the files',
    load: () => import('./inspect.ts').then((m) => m.inspectObject),
  },
  {
    group: inspector,
    name: 'inspect file',
    summary: 'from a file to its objects, and where they are',
    load: () => import('./inspect.ts').then((m) => m.inspectFile),
  },
  {
    group: inspector,
    name: 'inspect space',
    summary: 'what the bytes of the bucket are for',
    load: () => import('./inspect-volume.ts').then((m) => m.inspectSpace),
  },
  {
    group: inspector,
    name: 'inspect health',
    summary: 'missing objects as files, and unused ones',
    load: () => import('./inspect-volume.ts').then((m) => m.inspectHealth),
  },
  {
    group: inspector,
    name: 'inspect cached',
    summary: 'which files are in the cache',
    load: () => import('./inspect-volume.ts').then((m) => m.inspectCached),
  },
  {
    group: care,
    name: 'doctor',
    summary: 'measure what a volume rests on and say what will be felt',
    load: () => import('./doctor.ts').then((m) => m.doctor),
  },
  {
    group: care,
    name: 'dump',
    summary: 'write the metadata to a file',
    load: () => import('./dump.ts').then((m) => m.dump),
  },
  {
    group: care,
    name: 'load',
    summary: 'make a volume of dumped metadata',
    load: () => import('./load.ts').then((m) => m.load),
  },
  {
    group: care,
    name: 'backup list',
    summary: 'show the metadata backups in the bucket',
    load: () => import('./backup.ts').then((m) => m.backupList),
  },
  {
    group: care,
    name: 'backup now',
    summary: 'make one',
    load: () => import('./backup.ts').then((m) => m.backupNow),
  },
  {
    group: care,
    name: 'backup restore',
    summary: 'make a volume of one',
    load: () => import('./backup.ts').then((m) => m.backupRestore),
  },
  {
    group: care,
    name: 'fsck',
    summary: 'check that every byte is there',
    load: () => import('./fsck.ts').then((m) => m.fsck),
  },
  {
    group: care,
    name: 'dedup',
    summary: 'store once what is stored twice',
    load: () => import('./dedup.ts').then((m) => m.dedup),
  },
  {
    group: care,
    name: 'gc',
    summary: 'find and remove data nobody needs',
    load: () => import('./gc.ts').then((m) => m.gc),
  },
  {
    group: care,
    name: 'compact',
    summary: 'merge the pieces of much-written files',
    load: () => import('./compact.ts').then((m) => m.compact),
  },
]

/** The command that `argv` starts with, and how many words its name has. */
export function findCommand(argv: readonly string[]): (Listed & { readonly words: number }) | undefined {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const found = COMMANDS.find((command) => command.name === name)
    if (found !== undefined) return { ...found, words }
  }
  return undefined
}
