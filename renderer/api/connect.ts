/**
 * Finds the API of this page: signs in with the single-use code of the address (`#code=…`), keeps the token for as
 * long as the tab lives, and opens the connection. `?fake` runs on invented data instead, without any daemon (in
 * development and in the build for tests; the product leaves it out).
 */
import { apiUrl, createApi, signIn, uploadFile } from '#core/api/client.ts'
import type { PomeloApi } from './api.ts'
import { Connection } from './connection.ts'

const TOKEN_KEY = 'pomelo.token'
const CODE = /^#code=([\w-]+)$/

/** Null: no token, and no code that gives one. */
export async function connectApi(): Promise<PomeloApi | null> {
  const search = new URLSearchParams(location.search)
  if (import.meta.env.MODE !== 'production' && search.has('fake')) {
    const { createFakeApi } = await import('./fake/fake-api.ts')
    return createFakeApi(search)
  }
  const token = await findToken()
  return token === null ? null : openApi(token)
}

async function findToken(): Promise<string | null> {
  const code = CODE.exec(location.hash)?.[1]
  if (code !== undefined) {
    // Out of the address and the history before anything else: a code is used once, and nobody should copy it.
    history.replaceState(null, '', `${location.pathname}${location.search}#/`)
    const token = await signIn(location.origin, code)
    if (token !== null) {
      sessionStorage.setItem(TOKEN_KEY, token)
      return token
    }
  }
  return sessionStorage.getItem(TOKEN_KEY)
}

function openApi(token: string): PomeloApi {
  const connection = new Connection()
  const { trpc } = createApi({
    url: apiUrl(location),
    token,
    onState: (state) => {
      if (state === 'denied') sessionStorage.removeItem(TOKEN_KEY)
      connection.set(state)
    },
  })
  return {
    trpc,
    connection,
    async upload(target, body, signal) {
      try {
        await uploadFile(location.origin, token, target, body, signal)
      } catch (cause) {
        throw asCallError(cause)
      }
    },
    address: (url) => new URL(url, location.origin).href,
  }
}

/** The error that an upload answers with, in the form that calls reject with. */
function asCallError(cause: unknown): unknown {
  const { kind, message } = cause as { kind?: string; message?: string }
  return kind === undefined ? cause : { message, data: cause }
}
