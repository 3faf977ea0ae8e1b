/** A private etcd member on loopback: its data in a temporary folder, gone after `stop`. */
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { which } from '../../scripts/system.mjs'
import { end, freePort, spawnBound, untilListening } from './servers.ts'

/** Why there is no etcd here: the reason to skip under; undefined when there is one. */
export function etcdMissing(): string | undefined {
  return which('etcd') === undefined ? 'no etcd: install etcd-server' : undefined
}

export interface EtcdServer {
  /** `127.0.0.1:port` */
  readonly endpoint: string
  /** `etcd://127.0.0.1:port/name` */
  url(name: string): string
  /** kill -9. */
  kill(): Promise<void>
  /** Once more on the same port and data, after `kill`. */
  restart(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** `flags`: further ones, such as `--max-txn-ops=64`. `tls`: clients come by `https`, with what the flags say of it. */
export async function startEtcd(
  flags: readonly string[] = [],
  { tls = false }: { readonly tls?: boolean } = {},
): Promise<EtcdServer> {
  const data = await mkdtemp(join(tmpdir(), 'pe-'))
  const [port, peers] = [await freePort(), await freePort()]
  const endpoint = `127.0.0.1:${port}`
  const [client, peer] = [`${tls ? 'https' : 'http'}://${endpoint}`, `http://127.0.0.1:${peers}`]
  const args = [
    ...['--data-dir', data, '--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`, ...flags],
  ]
  const start = async (): Promise<ChildProcess> => {
    const child = spawnBound('etcd', args, { stdio: 'ignore' })
    await untilListening(child, port)
    return child
  }
  const remove = (): Promise<void> => rm(data, { recursive: true, force: true })
  let server: ChildProcess
  try {
    server = await start()
  } catch (error) {
    await remove()
    throw error
  }
  return {
    endpoint,
    url: (name) => `etcd://${endpoint}/${name}`,
    kill: () => end(server),
    restart: async () => {
      await end(server)
      server = await start()
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    stop: async () => {
      await end(server)
      await remove()
    },
  }
}
