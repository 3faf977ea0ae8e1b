/** A TCP proxy on loopback that delays what the server answers, or holds it back until told otherwise. */
import { createConnection, createServer, type Socket } from 'node:net'

export interface SlowProxy {
  readonly port: number
  /** Milliseconds that each answer is late. Infinity: hang. */
  delayMs: number
  close(): Promise<void>
}

export async function slowProxy(targetPort: number, delayMs: number): Promise<SlowProxy> {
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection({ port: targetPort, host: '127.0.0.1' })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
      socket.on('error', () => socket.destroy())
    }
    client.pipe(upstream)
    let last = Promise.resolve()
    upstream.on('data', (data) => {
      const due = performance.now() + proxy.delayMs
      last = last.then(async () => {
        while (performance.now() < due || proxy.delayMs === Number.POSITIVE_INFINITY) {
          if (client.destroyed) return
          await new Promise((resolve) => setTimeout(resolve, 5))
          if (proxy.delayMs !== Number.POSITIVE_INFINITY && due === Number.POSITIVE_INFINITY) break
        }
        client.write(data)
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const proxy: SlowProxy = {
    port: address.port,
    delayMs,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
  return proxy
}
