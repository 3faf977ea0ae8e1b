/**
 * The conversation with a volume process: line-delimited JSON over a unix socket of mode 0600. A request is
 * `{id, op, args}`; answers carry its id: any number of `{id, progress}`, then `{id, result}` or `{id, error}`.
 * `{id, pause: true}` holds up a request under way between two of its steps, `false` lets it go on. Closing the
 * connection cancels what it asked for. Nothing here touches the mount.
 */
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { BackendError, errnoName, FsError } from '#core/base/errno.ts'
import { Gate, gated } from '#core/base/gate.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'

const LONGEST_LINE = 4 * 2 ** 20

export interface ControlRequest {
  readonly op: string
  readonly args: Readonly<Record<string, unknown>>
  /** Aborted when the asker went away; a gate goes along with it. */
  readonly signal: AbortSignal
  progress(value: unknown): void
}

export type ControlHandler = (request: ControlRequest) => Promise<unknown>

/** Listen at `path`, replacing a dead socket. Close the server to end all conversations. */
export async function serveControl(path: string, handle: ControlHandler): Promise<ControlServer> {
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    converse(socket, handle)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  await chmod(path, 0o600)
  return { path, close: () => closeServer(server, sockets, path) }
}

export interface ControlServer {
  readonly path: string
  close(): Promise<void>
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>, path: string): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const socket of sockets) socket.destroySoon()
  await Promise.all([closed, rm(path, { force: true })])
}

function converse(socket: Socket, handle: ControlHandler): void {
  const gone = new AbortController()
  socket.on('close', () => gone.abort(new DOMException('the asker went away', 'AbortError')))
  socket.on('error', () => socket.destroy())
  const say = (value: unknown) => {
    if (socket.writable) socket.write(`${JSON.stringify(value)}\n`)
  }
  const gates = new Map<number, Gate>()
  onLines(socket, (line) => {
    const message = parseMessage(line)
    if (message === undefined) {
      socket.destroy()
      return
    }
    const { id } = message
    if ('pause' in message) {
      if (message.pause) gates.get(id)?.close()
      else gates.get(id)?.open()
      return
    }
    const { op, args } = message
    const gate = new Gate()
    gates.set(id, gate)
    const request = { op, args, signal: gated(gone.signal, gate) }
    handle({ ...request, progress: (progress) => say({ id, progress }) })
      .then(
        (result) => say({ id, result: result ?? null }),
        (error: unknown) => say({ id, error: encodeError(error) }),
      )
      .finally(() => gates.delete(id))
  })
}

/** Call `take` for every line; a line longer than the limit ends the conversation. */
function onLines(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE) socket.destroy()
    for (const line of lines) if (line !== '') take(line)
  })
}

type Message =
  | { readonly id: number; readonly op: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly id: number; readonly pause: boolean }

function parseMessage(line: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    const { id, op, args, pause } = value as Record<string, unknown>
    if (typeof id === 'number' && typeof pause === 'boolean') return { id, pause }
    if (typeof id !== 'number' || typeof op !== 'string') return undefined
    return {
      id,
      op,
      args: typeof args === 'object' && args !== null ? (args as Record<string, unknown>) : {},
    }
  } catch {
    return undefined
  }
}

export interface WireError {
  readonly name: string
  readonly message: string
  readonly detail?: string | number
  readonly next?: string
}

export function encodeError(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const message = redactText(error.message)
  if (error instanceof Refusal) return { name: 'Refusal', message, next: error.next }
  if (error instanceof FsError) return { name: 'FsError', message, detail: error.errno }
  if (error instanceof BackendError) return { name: 'BackendError', message, detail: error.kind }
  return { name: error.name, message }
}

export function decodeError(error: WireError): Error {
  const { name, message, detail } = error
  if (name === 'Refusal') return new Refusal(message, error.next)
  if (name === 'FsError' && typeof detail === 'number') {
    return new FsError(detail, message.replace(`${errnoName(detail)}: `, ''))
  }
  if (name === 'BackendError') return new BackendError(detail as BackendError['kind'], message)
  if (name === 'AbortError') return new DOMException(message, 'AbortError')
  return new Refusal(message)
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (value: unknown) => void
  /** Give up when nothing at all was heard for so long; absent: wait as long as it takes. */
  readonly silenceMs?: number
  /** Closed: what was asked for waits between two of its steps. */
  readonly gate?: Gate
}

/**
 * Ask the process behind `path`. Rejects with what it rejected with; `not-found` when nobody listens there,
 * `unavailable` when it hung up or fell silent.
 */
export function callControl(
  path: string,
  op: string,
  args: Readonly<Record<string, unknown>> = {},
  { signal, onProgress, silenceMs, gate }: CallOptions = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let leaveGate: (() => void) | undefined
    const end = (settle: () => void) => {
      signal?.removeEventListener('abort', onAbort)
      leaveGate?.()
      socket.destroy()
      settle()
    }
    const onAbort = () => end(() => reject(signal?.reason))
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    if (silenceMs !== undefined) {
      socket.setTimeout(silenceMs, () =>
        end(() => reject(new BackendError('unavailable', `the volume process gives no answer to ${op}`))),
      )
    }
    const say = (message: object) => socket.write(`${JSON.stringify({ id: 1, ...message })}\n`)
    const tellGate = () => say({ pause: gate?.isClosed === true })
    socket.on('connect', () => {
      say({ op, args })
      if (gate?.isClosed) tellGate()
      leaveGate = gate?.onChange(tellGate)
    })
    onLines(socket, (line) => {
      const answer = JSON.parse(line) as { progress?: unknown; result?: unknown; error?: WireError }
      if ('progress' in answer) onProgress?.(answer.progress)
      else if (answer.error !== undefined) end(() => reject(decodeError(answer.error!)))
      else end(() => resolve(answer.result))
    })
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      const kind = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' ? 'not-found' : 'unavailable'
      end(() => reject(new BackendError(kind, `no volume process answers at ${path}`, { cause })))
    })
    socket.on('close', () =>
      end(() => reject(new BackendError('unavailable', `the volume process ended during ${op}`))),
    )
  })
}
