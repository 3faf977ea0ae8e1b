/** The process of a bad disk (bad-disk.ts): mounts at the first argument, takes `Ills` as messages. */
import type { OpContext } from '#core/base/context.ts'
import { EIO, ENOSPC, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { lineLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import type { Name } from '#core/base/name.ts'
import type { OpenReply, ReadReply, StatfsReply } from '#core/fuse/filesystem.ts'
import { MemoryFileSystem } from '#core/fuse/memory-filesystem.ts'
import { mountFuse } from '#core/fuse/mount.ts'

/** What is wrong with the disk; nothing when left out. */
export interface Ills {
  /** Reads are EIO, or a bit of what they bring is another. */
  readonly reads?: 'fail' | 'lie'
  /** Writes and new files are EIO, or there is no room for them. */
  readonly writes?: 'fail' | 'full'
  /** Flushes are EIO. */
  readonly syncs?: 'fail'
}

const FOPEN_DIRECT_IO = 1
const BLOCKS = 65_536

class BadFileSystem extends MemoryFileSystem {
  ills: Ills = {}
  struck = 0
  #lies = 0

  /** The kernel keeps nothing: every read comes here. */
  override async open(ctx: OpContext, ino: Ino, flags: number): Promise<OpenReply> {
    return { ...(await super.open(ctx, ino, flags)), flags: FOPEN_DIRECT_IO }
  }

  override async create(ctx: OpContext, parent: Ino, name: Name, mode: number, flags: number) {
    this.#mayWrite()
    return super.create(ctx, parent, name, mode, flags)
  }

  override async read(ctx: OpContext, ino: Ino, fh: number, offset: number, size: number) {
    if (this.ills.reads === 'fail') throw this.#strike(EIO)
    const reply: ReadReply = await super.read(ctx, ino, fh, offset, size)
    if (this.ills.reads !== 'lie' || reply.kind !== 'bytes') return reply
    const bytes = Buffer.concat(reply.parts)
    if (bytes.length === 0) return reply
    this.struck++
    bytes[(this.#lies++ * 7919) % bytes.length]! ^= 0x10
    return { ...reply, parts: [bytes] }
  }

  override async write(ctx: OpContext, ino: Ino, fh: number, offset: number, data: Uint8Array) {
    this.#mayWrite()
    return super.write(ctx, ino, fh, offset, data)
  }

  override async fsync(ctx: OpContext, ino: Ino, fh: number): Promise<void> {
    if (this.ills.syncs === 'fail') throw this.#strike(EIO)
    return super.fsync(ctx, ino, fh)
  }

  override async statfs(): Promise<StatfsReply> {
    const free = this.ills.writes === 'full' ? 0 : BLOCKS - 1000
    return {
      ...(await super.statfs()),
      blocks: BLOCKS,
      bfree: free,
      bavail: free,
      files: BLOCKS,
      ffree: BLOCKS - 1000,
    }
  }

  #mayWrite(): void {
    if (this.ills.writes !== undefined) throw this.#strike(this.ills.writes === 'fail' ? EIO : ENOSPC)
  }

  #strike(errno: number): Error {
    this.struck++
    return fail(errno, 'disk', 'bad')
  }
}

const fs = new BadFileSystem(process.getuid?.(), process.getgid?.())
process.on('message', (ills: Ills) => {
  fs.ills = ills
  process.send!(fs.struck)
  fs.struck = 0
})
// Its ills are no news.
const log = lineLog(() => undefined)
await mountFuse({ mountpoint: process.argv[2]!, fsname: 'pomelo-bad-disk', fs, log, metrics: new Metrics() })
process.send!(0)
process.on('disconnect', () => process.exit())
