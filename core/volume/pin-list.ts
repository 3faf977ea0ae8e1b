/**
 * What is to be kept in the disk cache of a volume: a small file beside its blocks, so that it goes where the cache goes
 * and is there after a restart. Inodes, not paths: what is renamed stays.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Ino, inoFromBigInt, inoText } from '#core/base/ino.ts'

export interface PinnedNode {
  readonly ino: Ino
  readonly sinceMs: number
}

interface Stored {
  readonly pomeloPins: 1
  readonly pins: readonly { readonly ino: string; readonly sinceMs: number }[]
}

/** Empty when there is no list. Errors: when there is one that cannot be read. */
export async function readPins(file: string): Promise<readonly PinnedNode[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (text === undefined) return []
  const { pomeloPins, pins } = JSON.parse(text) as Stored
  if (pomeloPins !== 1) throw new Error(`${file} is of a newer version`)
  return pins.map(({ ino, sinceMs }) => ({ ino: inoFromBigInt(BigInt(ino)), sinceMs }))
}

export async function writePins(file: string, pins: readonly PinnedNode[]): Promise<void> {
  const stored: Stored = {
    pomeloPins: 1,
    pins: pins.map(({ ino, sinceMs }) => ({ ino: inoText(ino), sinceMs })),
  }
  await mkdir(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  const written = await open(temporary, 'w', 0o600)
  try {
    await written.writeFile(JSON.stringify(stored))
    await written.sync()
  } finally {
    await written.close()
  }
  await rename(temporary, file)
}
