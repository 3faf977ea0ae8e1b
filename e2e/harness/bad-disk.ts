/** A disk that fails when it is told to: a file system in memory, served by a process of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import type { Ills } from './bad-disk-child.ts'
import { run } from './volume.ts'

export class BadDisk implements AsyncDisposable {
  readonly path: string
  readonly #child: ChildProcess

  private constructor(path: string, child: ChildProcess) {
    this.path = path
    this.#child = child
  }

  /** Mounted at `path`, which is made; healthy at first. */
  static async at(path: string): Promise<BadDisk> {
    await mkdir(path, { recursive: true })
    const child = fork(join(root, 'e2e', 'harness', 'bad-disk-child.ts'), [path], {
      execPath: nodeBinary()!,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await answer(child)
    return new BadDisk(path, child)
  }

  /** From now on; returns how many requests the ills before struck. */
  async suffer(ills: Ills): Promise<number> {
    this.#child.send(ills)
    return answer(this.#child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.path])
    this.#child.kill('SIGKILL')
  }
}

function answer(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the bad disk ended with ${code}`))
    child.once('exit', ended)
    child.once('message', (struck) => {
      child.off('exit', ended)
      resolve(struck as number)
    })
  })
}
