/**
 * The client of the API, for the browser and, with a WebSocket class of its own, for Node. Everything travels over one
 * WebSocket: calls can be cancelled, subscriptions end with the page, and a lost daemon is known at once.
 *
 *   const api = createApi({ url: apiUrl(location), token, onState: (state) => … })
 *   const volumes = await api.trpc.volumes.list.query()
 *   const watch = api.trpc.volumes.watch.subscribe(undefined, { onData: (change) => … })
 *
 * The token goes in the WebSocket's list of protocols: a header that is neither logged nor kept in a history.
 */
import { createTRPCClient, createWSClient, type TRPCClient, wsLink } from '@trpc/client'
import { CLOSE_DENIED, PROTOCOL } from './protocol.ts'
import type { AppRouter } from './server-router.ts'

export type { AppRouter }
export type Trpc = TRPCClient<AppRouter>

/** `denied`: the token is not (any more) valid; sign in again. */
export type ConnectionState = 'connecting' | 'open' | 'lost' | 'denied'

export interface ApiOptions {
  readonly url: string
  /** None over the unix socket. */
  readonly token?: string
  readonly onState?: (state: ConnectionState) => void
  /**
   * Asked before each connection, as a token is shown only to the daemon that gave it: false when that does not know it
   * any more; rejects when something else is there, or nothing.
   */
  readonly prove?: () => Promise<boolean>
  /** Default: the browser's. */
  readonly WebSocket?: typeof WebSocket
}

export interface Api {
  readonly trpc: Trpc
  close(): Promise<void>
}

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 5000

export function createApi({
  url,
  token,
  onState,
  prove,
  WebSocket: Socket = globalThis.WebSocket,
}: ApiOptions): Api {
  class TokenSocket extends Socket {
    constructor(address: string | URL) {
      super(address, token === undefined ? [PROTOCOL] : [PROTOCOL, `token.${token}`])
    }
  }
  const provenUrl = async (): Promise<string> => {
    const isKnown = await prove?.().catch((error: unknown) => {
      onState?.('lost')
      throw error
    })
    if (isKnown !== false) return url
    onState?.('denied')
    throw new Error('this window is signed out: open the interface again with `pomelo ui`')
  }
  const client = createWSClient({
    url: provenUrl,
    WebSocket: TokenSocket,
    retryDelayMs: (attempt) => Math.min(FIRST_RETRY_MS * 2 ** attempt, LONGEST_RETRY_MS),
    keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5000 },
    onOpen: () => onState?.('open'),
    onError: () => onState?.('lost'),
    onClose: (cause) => onState?.(cause?.code === CLOSE_DENIED ? 'denied' : 'lost'),
  })
  onState?.('connecting')
  return {
    trpc: createTRPCClient<AppRouter>({ links: [wsLink({ client })] }),
    close: () => client.close(),
  }
}

/** The API of the page's own origin. */
export function apiUrl({ protocol, host }: { readonly protocol: string; readonly host: string }): string {
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/ws`
}

/**
 * Exchange the single-use code of the address (`#code=…`) for a token that outlives the daemon: never show it to what
 * answers in its place (`proveDaemon`). Null: the code is used up or too old; open the interface again with
 * `pomelo ui`.
 */
export async function signIn(origin: string, code: string): Promise<string | null> {
  const answer = await fetch(`${origin}/api/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, lasting: true }),
  })
  if (!answer.ok) return null
  const { token } = (await answer.json()) as { readonly token: string }
  return token
}

/**
 * Upload a file to `path` in a volume (which it must not exist in, without `overwrite`); `parents` makes the folders on
 * the way. Rejects with a ShownError.
 * The browser streams `body` from disk; progress is shown by the task of kind `upload` that it makes.
 */
export async function uploadFile(
  origin: string,
  token: string,
  target: {
    readonly id: string
    readonly path: string
    readonly overwrite?: boolean
    readonly parents?: boolean
  },
  body: Blob,
  signal?: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({
    path: target.path,
    overwrite: target.overwrite ? '1' : '0',
    parents: target.parents ? '1' : '0',
  })
  const answer = await fetch(`${origin}/api/files/${encodeURIComponent(target.id)}?${query}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body,
    signal,
  })
  if (!answer.ok) throw await answer.json()
}
