/** Bodies in and out. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Content } from './content.ts'

const LARGEST_JSON = 64 * 1024
const JSON_MS = 10_000

export function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

/** Errors: for a body that is too large, too slow, or no JSON object. */
export async function readJson(request: IncomingMessage): Promise<object> {
  const parts: Buffer[] = []
  let size = 0
  const late = setTimeout(() => request.destroy(new Error('the body comes too slowly')), JSON_MS)
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length
      if (size > LARGEST_JSON) throw new Error('the body is too large')
      parts.push(part)
    }
  } finally {
    clearTimeout(late)
  }
  const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error('the body is no object')
  return value
}

/** Always as an attachment: no file of a volume is ever shown as a page of ours. */
export async function sendContent(response: ServerResponse, content: Content): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new DOMException('the download was given up', 'AbortError')))
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(content.name)}`,
    ...(content.size !== null && { 'content-length': content.size }),
  })
  await pipeline(Readable.from(content.open(gone.signal), { objectMode: false }), response)
}
