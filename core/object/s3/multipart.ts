/**
 * One object of any size, uploaded part by part: a part at a time is in memory. An upload that came to nothing is
 * aborted, as its parts would be paid for until somebody finds them. Source: S3 API, "Uploading and copying objects
 * using multipart upload".
 */
import { BackendError } from '#core/base/errno.ts'
import { totalLength } from '../parts.ts'
import type { EachRequest, ObjectInfo } from '../store.ts'
import { elementOf, parseRefusal, type Refused, refusedError } from './failure.ts'
import type { S3Answer, S3Request } from './requests.ts'

/** The least S3 allows, and what the reference takes. All but the last are of one size, as some services demand. */
export const PART_BYTES = 5 * 2 ** 20
const MOST_PARTS = 10_000

export interface MultipartTarget {
  readonly key: string
  /** Of the object. */
  readonly headers: Readonly<Record<string, string>>
  /** Every answer is a success; the others throw. */
  readonly send: (request: S3Request) => Promise<S3Answer>
  readonly head: (signal?: AbortSignal) => Promise<ObjectInfo | undefined>
  readonly each: EachRequest
}

/** Errors: BackendError; those of `parts`. */
export async function uploadInParts(
  target: MultipartTarget,
  parts: AsyncIterable<readonly Uint8Array[]>,
): Promise<void> {
  const { key, send, each } = target
  const uploadId = await begin(target)
  try {
    const tags: string[] = []
    let size = 0
    for await (const part of parts) {
      if (tags.length === MOST_PARTS)
        throw new BackendError('invalid', `s3: ${key}: an object has at most ${MOST_PARTS} parts of 5 MiB`)
      const query = { partNumber: String(tags.length + 1), uploadId }
      const { headers } = await each((signal) => send({ method: 'PUT', key, query, parts: part, signal }))
      tags.push(headers.etag ?? '')
      size += totalLength(part)
    }
    await complete(target, uploadId, tags, size)
  } catch (error) {
    // With the caller's signal it would not be sent.
    const signal = AbortSignal.timeout(ABORT_MS)
    await send({ method: 'DELETE', key, query: { uploadId }, signal }).catch(() => {})
    throw error
  }
}

const ABORT_MS = 10_000

async function begin({ key, headers, send, each }: MultipartTarget): Promise<string> {
  const query = { uploads: '' }
  const { body } = await each((signal) => send({ method: 'POST', key, query, headers, parts: [], signal }))
  const uploadId = elementOf(body.toString(), 'UploadId')
  if (uploadId === '')
    throw new BackendError('invalid', `s3: ${key}: the service gave no number to an upload`)
  return uploadId
}

/** A failure may come with status 200, and one that is no longer known may have been completed by a lost request. */
async function complete(
  { key, send, head, each }: MultipartTarget,
  uploadId: string,
  tags: readonly string[],
  size: number,
): Promise<void> {
  const listed = tags.map(
    (tag, k) => `<Part><PartNumber>${k + 1}</PartNumber><ETag>${xmlText(tag)}</ETag></Part>`,
  )
  const document = `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`
  const parts = [Buffer.from(document)]
  let attempts = 0
  await each(async (signal) => {
    attempts++
    try {
      const answer = await send({
        method: 'POST',
        key,
        query: { uploadId },
        headers: { 'content-type': 'application/xml' },
        parts,
        signal,
      })
      const failed = failureIn(answer)
      if (failed !== undefined) throw refusedError(`s3: complete ${key}`, failed)
    } catch (error) {
      if (attempts === 1 || (await head(signal).catch(() => undefined))?.size !== size) throw error
    }
  })
}

function failureIn({ status, body }: S3Answer): Refused | undefined {
  const text = body.toString('utf8', 0, 4096)
  if (!text.includes('<Error>')) return undefined
  const refused = parseRefusal(status, text)
  return { ...refused, status: refused.code === 'InternalError' ? 500 : status }
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
