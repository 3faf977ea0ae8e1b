/** A file of a volume as a stream, a piece at a time: who takes it slowly is read for slowly. */
import type { Content } from './api/content.ts'
import type { Operator } from './operators.ts'

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
