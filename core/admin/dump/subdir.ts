/** The directory at a path, without a mount. */
import { type Ino, isTrash, ROOT_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'

/** Links are not followed. Throws Refusal when there is none. */
export async function directoryAt(engine: MetaEngine, path: string): Promise<Ino> {
  let ino: Ino = ROOT_INO
  for (const part of path.split('/').filter((each) => each !== '' && each !== '.')) {
    const [entry] = await engine.read([{ kind: 'edge', parent: ino, name: nameFromText(part) }])
    if (entry === null) throw new Refusal(`${path} does not exist in the volume`)
    if (entry.type !== TYPE_DIRECTORY || isTrash(entry.ino))
      throw new Refusal(`${path} is not a directory of the volume`)
    ino = entry.ino
  }
  return ino
}
