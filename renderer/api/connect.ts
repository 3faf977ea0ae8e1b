/**
 * Finds the API of this page: signs in with the single-use code of the address (`#code=…`), keeps the token for as
 * long as the tab lives, and opens the connection. `?fake` runs on invented data instead, without any daemon (in
 * development and in the build for tests; the product leaves it out).
 */
import { apiUrl, createApi, signIn, uploadFile } from '#core/api/client.ts'
import { proveDaemon } from '#core/api/daemon-proof.ts'
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
  const api = createApi({
    url: apiUrl(location),
    token,
    onState: (state) => {
      connection.set(state)
      if (state !== 'denied') return
      sessionStorage.removeItem(TOKEN_KEY)
      // Nothing to try again: the token stays worthless.
      void api.close()
    },
    prove: proveAgain(token),
  })
  return {
    trpc: api.trpc,
    connection,
    async upload(target, body, signal) {
      try {
        if (!(await proveDaemon(location.origin, token))) throw signedOut
        await uploadFile(location.origin, token, target, body, signal)
      } catch (cause) {
        throw asCallError(cause)
      }
    },
    address: (url) => new URL(url, location.origin).href,
  }
}

/**
 * The daemon may end and another program take its port: before the token is shown there again, it is proven that the
 * daemon is back. Until then the token is only in the memory of this page, where no page that is loaded from that
 * program finds it. The first connection goes to who has served the page, and needs no proof.
 */
function proveAgain(token: string): () => Promise<boolean> {
  let isFirst = true
  return async () => {
    if (isFirst) {
      isFirst = false
      return true
    }
    try {
      const isKnown = await proveDaemon(location.origin, token)
      if (isKnown) sessionStorage.setItem(TOKEN_KEY, token)
      return isKnown
    } catch (error) {
      sessionStorage.removeItem(TOKEN_KEY)
      throw error
    }
  }
}

const signedOut = {
  kind: 'denied',
  message: 'this window is signed out: open the interface again with `pomelo ui`',
}

/** The error that an upload answers with, in the form that calls reject with. */
function asCallError(cause: unknown): unknown {
  const { kind, message } = cause as { kind?: string; message?: string }
  return kind === undefined ? cause : { message, data: cause }
}
