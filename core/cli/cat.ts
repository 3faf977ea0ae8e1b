import { resolvePath } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { Refusal } from '#core/base/refusal.ts'
import { TYPE_FILE } from '#core/meta/records.ts'
import { readFileParts } from '#core/volume/files.ts'
import { type Call, defineCommand } from './command.ts'
import { volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const ZEROS = Buffer.alloc(2 ** 20)

export const cat = defineCommand({
  name: 'cat',
  operands: 'META-URL:/PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Print files of a volume, without mounting it.',
  options: TOOL_OPTIONS,
  examples: ['pomelo cat sqlite3:///team.db:/notes.txt', 'pomelo cat redis://host/1:/backup.tar | tar t'],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      for (const { metaUrl, path } of volumeLocations(call.operands)) {
        const volume = await volumes.open(metaUrl)
        const { ino, node } = await resolvePath(volume.meta, rootContext(call.signal), path)
        if (node.type !== TYPE_FILE) throw new Refusal(`${path} is no regular file`)
        let at = 0
        for await (const { offset, bytes } of readFileParts(volume, ino, call.signal)) {
          await zeros(call, offset - at)
          await call.out.write(bytes)
          at = offset + bytes.length
        }
        await zeros(call, node.length - at)
      }
      return 0
    }),
})

async function zeros({ out, signal }: Call, n: number): Promise<void> {
  for (let left = n; left > 0; left -= ZEROS.length) {
    signal.throwIfAborted()
    await out.write(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
  }
}
