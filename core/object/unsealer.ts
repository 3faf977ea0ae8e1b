/** Opening sealed objects that are not in their store any more, such as a backup copied out of a bucket. */
import { unsealStream } from './sealed-object.ts'
import { type EncryptOptions, parseVolumeKey } from './volume-key.ts'

/** See `unsealStream`. Errors: those of `parseVolumeKey`. */
export function unsealer(
  options: EncryptOptions,
): (sealed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  const key = parseVolumeKey(options)
  return (sealed) => unsealStream(key, sealed)
}
