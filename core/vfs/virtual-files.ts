/**
 * Files of the mount itself: `.accesslog`, `.stats`, `.config` in the root, `.control` in every directory. They
 * answer by name and are listed only when asked for. Source: shared/spec/vfs-and-fuse.md §5.
 */
import type { Clock } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EACCES, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO, VIRTUAL_INO } from '#core/base/ino.ts'
import type { Metrics } from '#core/base/metrics.ts'
import type { Name } from '#core/base/name.ts'
import { O_ACCMODE } from '#core/base/open-flags.ts'
import type { Found } from '#core/meta/api.ts'
import { type NodeRecord, TYPE_FILE } from '#core/meta/records.ts'
import type { AccessLog } from './access-log.ts'
import type { VfsOptions } from './options.ts'

/** An open virtual file. Errors and results as for read(2) and write(2). */
export interface VirtualFile {
  read(ctx: OpContext, offset: number, size: number): Promise<Uint8Array>
  write(ctx: OpContext, data: Uint8Array): Promise<number>
  close(): void
}

const ACCESS_LOG: Ino = VIRTUAL_INO + 1
const CONTROL: Ino = VIRTUAL_INO + 2
const STATS: Ino = VIRTUAL_INO + 3
const CONFIG: Ino = VIRTUAL_INO + 4

const MODES: ReadonlyMap<Ino, number> = new Map([
  [ACCESS_LOG, 0o400],
  [CONTROL, 0o666],
  [STATS, 0o444],
  [CONFIG, 0o400],
])

interface Sources {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly accessLog: AccessLog
  readonly options: VfsOptions
  readonly openControl: () => VirtualFile
}

export class VirtualFiles {
  readonly #sources: Sources
  readonly #byName: ReadonlyMap<Name, Ino>
  readonly #controlName: Name
  readonly #trashName: Name
  readonly #started: { readonly sec: number; readonly nsec: number }
  #configSize: number

  constructor(sources: Sources) {
    this.#sources = sources
    const prefix = sources.options.prefixInternal ? '.jfs.' : '.'
    this.#controlName = `${prefix}control`
    this.#trashName = '.trash'
    this.#byName = new Map([
      [`${prefix}accesslog`, ACCESS_LOG],
      [this.#controlName, CONTROL],
      [`${prefix}stats`, STATS],
      [`${prefix}config`, CONFIG],
    ])
    this.#started = sources.clock.now()
    this.#configSize = this.#config().length
  }

  /** The virtual file that `name` in `parent` is. */
  lookup(parent: Ino, name: Name): Found | undefined {
    if (name.charCodeAt(0) !== 46) return undefined
    if (parent !== ROOT_INO && name !== this.#controlName) return undefined
    const ino = this.#byName.get(name)
    return ino === undefined ? undefined : { ino, node: this.node(ino) }
  }

  /** True for the names that cannot be made, removed or renamed. */
  isReserved(parent: Ino, name: Name): boolean {
    return parent === ROOT_INO && (name === this.#trashName || this.#byName.has(name))
  }

  /** Those that a listing of the root shows. */
  listed(): readonly (Found & { readonly name: Name })[] {
    const shown = [...this.#byName].filter(([, ino]) => ino !== CONTROL)
    return shown.map(([name, ino]) => ({ name, ino, node: this.node(ino) }))
  }

  node(ino: Ino): NodeRecord {
    const { sec, nsec } = this.#started
    const { uid, gid } = this.#sources.options
    return {
      flags: 0,
      type: TYPE_FILE,
      mode: MODES.get(ino) ?? 0,
      uid,
      gid,
      atime: sec,
      atimeNsec: nsec,
      mtime: sec,
      mtimeNsec: nsec,
      ctime: sec,
      ctimeNsec: nsec,
      nlink: 1,
      length: ino === CONFIG ? this.#configSize : 0,
      rdev: 0,
      parent: ROOT_INO,
      accessAcl: 0,
      defaultAcl: 0,
      tier: 0,
    }
  }

  open(ino: Ino, flags: number): VirtualFile {
    if (ino !== CONTROL && (flags & O_ACCMODE) !== 0) throw fail(EACCES, 'open', 'read-only virtual file')
    switch (ino) {
      case ACCESS_LOG:
        return this.#sources.accessLog.open()
      case CONTROL:
        return this.#sources.openControl()
      case STATS:
        return snapshot(statsText(this.#sources.metrics))
      default: {
        const config = this.#config()
        this.#configSize = config.length
        return snapshot(config)
      }
    }
  }

  #config(): Buffer {
    return Buffer.from(`${JSON.stringify(this.#sources.options.config(), null, 1)}\n`)
  }
}

/** In the range where ordinary operations are refused: virtual files, the trash and its hour directories. */
export function isSpecial(ino: Ino): boolean {
  return ino >= VIRTUAL_INO
}

/** Contents taken when the file was opened. */
function snapshot(bytes: Buffer): VirtualFile {
  return {
    read: async (_ctx, offset, size) => bytes.subarray(offset, offset + size),
    write: async () => {
      throw fail(EACCES, 'write', 'read-only virtual file')
    },
    close() {},
  }
}

/** One line a sample, plain decimals (§5.2). */
function statsText(metrics: Metrics): Buffer {
  const lines = Object.entries(metrics.snapshot()).map(
    ([name, value]) => `juicefs_${name} ${decimal(value)}\n`,
  )
  return Buffer.from(lines.join(''))
}

function decimal(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text
}
