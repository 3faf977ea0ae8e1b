import { Reference, type ReferenceMount } from './reference.ts'
import type { TestVolume } from './volume.ts'

/** Of ours with a process of its own, or of the reference. */
export type OtherClient = 'ours' | 'the reference'

/** A second mount of a volume; or why there is none: the reason to skip under. `options`: that both clients spell alike. */
export async function otherMount(
  volume: TestVolume,
  who: OtherClient,
  options: readonly string[],
): Promise<TestVolume | ReferenceMount | string> {
  if (who === 'ours') {
    const other = await volume.another('other')
    await other.mount(options)
    return other
  }
  const reference = await Reference.find()
  return typeof reference === 'string' ? reference : reference.mount(volume, options)
}
