/** Files and folders of a volume as streams, a piece at a time: who takes one slowly is read for slowly. */
import type { Content } from './api/content.ts'
import type { Operator } from './operators.ts'
import { passAlive } from './pass-alive.ts'

const PIECE = 2 ** 20

export function fileContent(operator: Operator, path: string, name: string, size: number): Content {
  return {
    name,
    size,
    async *open(signal) {
      for (let offset = 0; offset < size; ) {
        const wanted = Math.min(PIECE, size - offset)
        const { data } = (await operator.call('readAt', { path, offset, length: wanted }, { signal })) as {
          data: string
        }
        const bytes = Buffer.from(data, 'base64')
        if (bytes.length === 0) throw new Error('the file became shorter while it was read')
        yield bytes
        offset += bytes.length
      }
    },
  }
}

/** A tar archive of everything in the folder. */
export function folderContent(operator: Operator, path: string, name: string): Content {
  return {
    name: `${name}.tar`,
    size: null,
    async *open(signal) {
      const { key } = (await operator.call('archiveBegin', { path }, { signal })) as { key: string }
      try {
        for (;;) {
          await passAlive(operator, 'archiveKeep', key, signal)
          const { data } = (await operator.call('archiveNext', { key }, { signal })) as {
            data: string | null
          }
          if (data === null) return
          yield Buffer.from(data, 'base64')
        }
      } finally {
        await operator.call('archiveEnd', { key }).catch(() => {})
      }
    },
  }
}
