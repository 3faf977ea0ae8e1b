/** An S3 service examined: its clock, and multipart uploads, which blocks of a volume never need but backups may. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { StoreExaminer } from '../examine-store.ts'
import type { S3Address } from './address.ts'
import { thrownError } from './failure.ts'
import { S3Requests } from './requests.ts'
import { openS3Client, type S3Options } from './store.ts'

/** `prefix` stands before every key. */
export async function openS3Examiner(options: S3Options, prefix: string): Promise<StoreExaminer> {
  const { client, address } = await openS3Client(options)
  return new S3Examiner(client, address, prefix)
}

class S3Examiner implements StoreExaminer {
  readonly #client: S3Client
  readonly #address: S3Address
  readonly #prefix: string

  constructor(client: S3Client, address: S3Address, prefix: string) {
    this.#client = client
    this.#address = address
    this.#prefix = prefix
  }

  /** From the Date of an answer, whatever the answer. It tells whole seconds, so half a second is added. */
  async clockOffsetMs(): Promise<number | undefined> {
    const requests = new S3Requests(this.#client, this.#address.bucket, this.#address.pathStyle)
    const asked = Date.now()
    try {
      const { headers } = await requests.send({ method: 'HEAD', key: `${this.#prefix}juicefs_uuid` })
      const middle = (asked + Date.now()) / 2
      const server = Date.parse(headers.date ?? '')
      return Number.isNaN(server) ? undefined : server + 500 - middle
    } catch (error) {
      throw thrownError(`s3: clock of ${this.#address.bucket}`, error)
    }
  }

  async multipart(key: string, bytes: Uint8Array): Promise<void> {
    const object = { Bucket: this.#address.bucket, Key: this.#prefix + key }
    try {
      const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(object))
      await this.#uploadParts({ ...object, UploadId }, bytes)
      await this.#client.send(new DeleteObjectCommand(object))
    } catch (error) {
      throw thrownError(`s3: multipart upload of ${object.Key}`, error)
    }
  }

  /** An upload that came to nothing is aborted: its parts would be paid for until somebody finds them. */
  async #uploadParts(
    upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
    bytes: Uint8Array,
  ): Promise<void> {
    try {
      const part = await this.#client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: bytes }))
      const Parts = [{ PartNumber: 1, ETag: part.ETag }]
      await this.#client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }))
    } catch (error) {
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(() => {})
      throw error
    }
  }

  close(): void {
    this.#client.destroy()
  }
}
