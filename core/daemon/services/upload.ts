/** An upload: the body of a request, given to the process that serves the volume piece by piece, as a task. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename } from 'node:path/posix'
import { volumePath } from '#core/api/files.ts'
import { errorData, errorMessage, toApiError } from '#core/api/server-errors.ts'
import { sendJson } from '../api/transfer.ts'
import type { Daemon } from '../daemon.ts'
import type { Operator } from '../operators.ts'
import { passAlive } from '../pass-alive.ts'

const PIECE = 2 ** 20

export async function receiveUpload(
  daemon: Daemon,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  query: URLSearchParams,
): Promise<void> {
  const gone = new AbortController()
  request.on('aborted', () => gone.abort(new DOMException('the upload was given up', 'AbortError')))
  try {
    const path = volumePath.parse(query.get('path'))
    const total = Number(request.headers['content-length'] ?? Number.NaN)
    const size = Number.isFinite(total) ? total : null
    const operator = daemon.operators.of(id)
    const target = { path, overwrite: query.get('overwrite') === '1', parents: query.get('parents') === '1' }
    await daemon.services.tasks.transfer(
      { kind: 'upload', id, title: `Upload ${basename(path)}`, total: size, signal: gone.signal },
      (onBytes, signal) => store(operator, target, request, size, onBytes, signal),
    )
    sendJson(response, 200, { path })
  } catch (error) {
    const shown = toApiError(error)
    request.resume()
    if (!response.headersSent && !response.destroyed)
      sendJson(response, 409, { message: errorMessage(shown), ...errorData(shown) })
  }
}

async function store(
  operator: Operator,
  target: { readonly path: string; readonly overwrite: boolean; readonly parents: boolean },
  body: AsyncIterable<Buffer>,
  size: number | null,
  onBytes: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { key } = (await operator.call('putBegin', target, { signal })) as { key: string }
  try {
    let done = 0
    for await (const piece of pieces(body)) {
      await passAlive(operator, 'putKeep', key, signal)
      await operator.call('putPiece', { key, data: piece.toString('base64') }, { signal })
      done += piece.length
      onBytes(done)
    }
    if (size !== null && done !== size) throw new DOMException('the upload ended early', 'AbortError')
    await operator.call('putEnd', { key }, { signal })
  } catch (error) {
    await operator.call('putAbort', { key }).catch(() => {})
    throw error
  }
}

/** The body in pieces of one size: few round trips, bounded lines. */
async function* pieces(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let size = 0
  for await (const part of body) {
    held.push(part)
    size += part.length
    while (size >= PIECE) {
      const all = Buffer.concat(held)
      yield all.subarray(0, PIECE)
      held = [all.subarray(PIECE)]
      size -= PIECE
    }
  }
  if (size > 0) yield Buffer.concat(held)
}
