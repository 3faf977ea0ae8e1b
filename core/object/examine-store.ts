/** What `doctor` asks of an object service besides storing objects: its clock, and uploads in parts. */
import type { StoreOptions } from './open-store.ts'
import { shardBuckets } from './with-shards.ts'

export interface StoreExaminer {
  /** The service's clock less ours, in milliseconds, right to about a second; undefined when it does not say. */
  clockOffsetMs(): Promise<number | undefined>
  /** Upload an object of `bytes` in parts (one), complete it and delete it. BackendError says what is refused. */
  multipart(key: string, bytes: Uint8Array): Promise<void>
  close(): void
}

/** For the bucket (the first, where there are shards) of these options; undefined for directories. */
export async function openExaminer(options: StoreOptions): Promise<StoreExaminer | undefined> {
  const kind = options.storage.toLowerCase()
  if (kind !== 's3' && kind !== 'minio') return undefined
  const { openS3Examiner } = await import('./s3/examine.ts')
  const { accessKey, secretKey, sessionToken, shards = 0, name } = options
  const bucket = shards > 1 ? shardBuckets(options.bucket, shards)[0]! : options.bucket
  return openS3Examiner({ kind, bucket, accessKey, secretKey, sessionToken }, `${name}/`)
}
