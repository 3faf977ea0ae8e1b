/** A TCP proxy on loopback that breaks connections where a test wants it: before a request is passed on, or after. */
import { createConnection, createServer, type Socket } from 'node:net'

/** What happens to the next request that matches: never passed on, or passed on and its answer never brought back. */
export type CutPlace = 'before' | 'after'

export interface CutProxy {
  readonly port: number
  /** Cut the connection at its next request (one read of the socket) that holds `text`. */
  cutNext(text: string, place: CutPlace): void
  /** Cuts made so far. */
  readonly cuts: number
  /** Swallow everything in both directions, as a network that has gone; `false` lets what was held pass. */
  hold(on: boolean): void
  /** Break all connections now. */
  breakAll(): void
  close(): Promise<void>
}

/** `targetPort` may be changed between connections through `target`. */
export async function cutProxy(target: { port: number }): Promise<CutProxy> {
  const open = new Set<Socket>()
  let planned: { readonly text: string; readonly place: CutPlace } | undefined
  let cuts = 0
  let held = false
  const server = createServer((client) => {
    const upstream = createConnection({ port: target.port, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    let muted = false
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      if (held) socket.pause()
      socket.on('error', end)
      socket.on('close', () => {
        open.delete(socket)
        end()
      })
    }
    client.on('data', (data) => {
      if (planned === undefined || !data.includes(planned.text)) return void upstream.write(data)
      const { place } = planned
      planned = undefined
      cuts++
      if (place === 'before') return end()
      muted = true
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      // The answer has come, so the request was executed.
      if (muted) return end()
      client.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    get cuts() {
      return cuts
    },
    cutNext: (text, place) => {
      planned = { text, place }
    },
    hold: (on) => {
      held = on
      for (const socket of open) on ? socket.pause() : socket.resume()
    },
    breakAll: () => {
      for (const socket of open) socket.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
