/** A disk of a few megabytes in memory, for what happens when one is full. Needs root. */
import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './volume.ts'

export class SmallDisk implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Mounted at `path`, which is made; or why that cannot be: the reason to skip under. */
  static async at(path: string, megabytes: number): Promise<SmallDisk | string> {
    if (process.getuid?.() !== 0) return 'only root can mount a small disk: run the tests as root'
    await mkdir(path, { recursive: true })
    const words = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'pomelo-small-disk', path]
    const { code, stderr } = await run('mount', words)
    return code === 0 ? new SmallDisk(path) : `a small disk cannot be mounted here: ${stderr.trim()}`
  }

  /** Leave no byte free. */
  async fill(): Promise<void> {
    const hog = join(this.path, 'hog')
    await run('dd', ['if=/dev/zero', `of=${hog}`, 'bs=64k', 'oflag=append', 'conv=notrunc'])
    await run('dd', ['if=/dev/zero', `of=${hog}`, 'bs=4k', 'oflag=append', 'conv=notrunc'])
  }

  /** Take away what `fill` put there. */
  async clear(): Promise<void> {
    await rm(join(this.path, 'hog'), { force: true })
  }

  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path)
    return bavail * bsize
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.path])
  }
}
