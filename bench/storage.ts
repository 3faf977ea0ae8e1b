/** Where the objects of a benchmark lie: a folder of each client's own, or a bucket of one S3 server for all. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type S3Server, s3Server, startS3 } from '../e2e/harness/servers.ts'

export interface Storage {
  /** Options of `format`, spelled alike by both clients, for a volume whose things lie in `folder`. */
  format(folder: string): Promise<readonly string[]>
  /** Secrets, for `format`. */
  readonly env: Readonly<Record<string, string>>
  /** Where there is a bucket that all may use. */
  readonly server?: S3Server
  stop(): Promise<void>
}

const files: Storage = {
  async format(folder) {
    const bucket = join(folder, 'objects/')
    await mkdir(bucket)
    return ['--storage', 'file', '--bucket', bucket]
  },
  env: {},
  stop: async () => {},
}

/** `file` or `s3`, which is rclone's server. */
export async function openStorage(kind: string): Promise<Storage> {
  if (kind === 'file') return files
  if (kind !== 's3') throw new Error(`no storage called ${kind}`)
  const tool = await s3Server()
  if (tool.path === undefined) throw new Error(tool.missing)
  const server = await startS3()
  const { endpoint, bucket, accessKey, secretKey, stop } = server
  return {
    format: async () => ['--storage', 's3', '--bucket', `${endpoint}/${bucket}`],
    env: { ACCESS_KEY: accessKey, SECRET_KEY: secretKey },
    server,
    stop,
  }
}
