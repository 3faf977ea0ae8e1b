/** A block as it lies in the bucket, past every cache: decrypted by the store, decompressed here. */
import type { AdminParts } from '#core/admin/parts.ts'
import type { BlockName } from '#core/chunk/geometry.ts'
import { blockCodec } from '#core/object/compression.ts'
import type { ObjectStore } from '#core/object/store.ts'

type Parts = Pick<AdminParts, 'setting' | 'geometry'> & { readonly store: ObjectStore }

/** Errors: BackendError `not-found`, `corrupt` and those of the store. */
export async function readStoredBlock(
  { store, geometry, setting }: Parts,
  { slice, index, size }: BlockName,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const payload = await store.get(geometry.key(slice, index, size), undefined, { signal })
  return await blockCodec(setting.Compression ?? '').decompress(payload, size)
}
