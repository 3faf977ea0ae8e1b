/** An HTTP proxy on loopback before an object store that answers as bad ones do, by a seed. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, type Random, seededRandom } from '#core/base/random.ts'

/**
 * refused: not done, 500 or 503. lost: done, and then 500. cut: done, and the connection ends instead of an answer.
 * slow: late. hung: never. short: half of a body, then the end of the connection. wrong: a byte of a whole body is another.
 */
const FAULTS = ['refused', 'lost', 'cut', 'slow', 'hung', 'short', 'wrong'] as const
type Fault = (typeof FAULTS)[number]

export interface FaultProxy {
  readonly port: number
  /** Part of the requests that go wrong. */
  rate: number
  /** Answer 403 to everything. */
  denies: boolean
  /** How often each fault was played. */
  readonly played: Readonly<Record<Fault, number>>
  close(): Promise<void>
}

const SLOW_MS = 400

export async function faultProxy(targetPort: number, seed: number): Promise<FaultProxy> {
  const random = seededRandom(seed)
  const agent = new Agent({ keepAlive: true })
  const played: Record<Fault, number> = { refused: 0, lost: 0, cut: 0, slow: 0, hung: 0, short: 0, wrong: 0 }

  const serve = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const body = await buffer(from)
    if (proxy.denies) return refuse(to, 403, 'AccessDenied')
    const fault = pick(random, proxy.rate, from)
    if (fault !== undefined) played[fault]++
    if (fault === 'refused')
      return random.next() < 0.5 ? refuse(to, 503, 'SlowDown') : refuse(to, 500, 'InternalError')
    if (fault === 'hung') return
    const { head, answer } = await forward(agent, targetPort, from, body)
    if (fault === 'lost') return refuse(to, 500, 'InternalError')
    if (fault === 'cut') return void to.destroy()
    if (fault === 'slow') await sleep(SLOW_MS)
    if (fault === 'wrong' && answer.length > 0) answer[below(random, answer.length)]! ^= 1
    to.writeHead(head.statusCode!, head.rawHeaders)
    if (fault !== 'short') return void to.end(answer)
    to.write(answer.subarray(0, answer.length >> 1), () => to.destroy())
  }

  const server = createServer((from, to) => {
    serve(from, to).catch(() => to.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    rate: 0,
    denies: false,
    played,
    close: () =>
      new Promise((resolve) => {
        agent.destroy()
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return proxy
}

/** A wrong byte is told by the checksum of a whole object; no store's protocol has one for a part. */
function pick(random: Random, rate: number, { method, headers }: IncomingMessage): Fault | undefined {
  if (random.next() >= rate) return undefined
  const fault = FAULTS[below(random, FAULTS.length)]!
  const isWholeGet = method === 'GET' && headers.range === undefined
  return (fault === 'wrong' && !isWholeGet) || (fault === 'short' && method !== 'GET') ? 'refused' : fault
}

function refuse(to: ServerResponse, status: number, code: string): void {
  to.writeHead(status, { 'content-type': 'application/xml' })
  to.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>by a test</Message></Error>`)
}

function forward(
  agent: Agent,
  port: number,
  { method, url, rawHeaders }: IncomingMessage,
  body: Buffer,
): Promise<{ readonly head: IncomingMessage; readonly answer: Buffer }> {
  return new Promise((resolve, reject) => {
    const out = request({ agent, port, host: '127.0.0.1', method, path: url, headers: rawHeaders })
    out.on('error', reject)
    out.on('response', (head) => buffer(head).then((answer) => resolve({ head, answer }), reject))
    out.end(body)
  })
}
