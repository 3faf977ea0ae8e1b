/** Opening sealed objects that are not in their store any more, such as a backup copied out of a bucket. */
import { unseal } from './sealed-object.ts'
import { type EncryptOptions, parseVolumeKey } from './volume-key.ts'

/** Errors: those of `parseVolumeKey`; what it returns throws BackendError `corrupt` for what the key did not seal. */
export function unsealer(options: EncryptOptions): (sealed: Uint8Array) => Uint8Array {
  const key = parseVolumeKey(options)
  return (sealed) => unseal(key, sealed)
}
