import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Wait until the journals have more than `lines` lines together; a machine that is too busy for it has 20 s. */
export async function promised(paths: readonly string[], lines: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')))
    if (texts.join('').split('\n').length - 1 > lines) return
    await sleep(50)
  }
}
