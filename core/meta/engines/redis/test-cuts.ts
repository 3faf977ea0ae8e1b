/** For tests: clients of one volume whose commits may lose their connection before they arrive or before they are answered. */
import { createHash } from 'node:crypto'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { openTestClient, TEST_SETTING, type TestClient } from '#core/meta/test-volume.ts'
import { type CutPlace, cutProxy } from '../../../../e2e/harness/cut-proxy.ts'
import { type RedisServer, startRedis } from '../../../../e2e/harness/redis.ts'
import { COMMIT } from './lua/commit.ts'
import { openRedis } from './open.ts'

/** What the request of a commit holds, and no other: the hash of its script. */
const COMMIT_HASH = createHash('sha1').update(COMMIT).digest('hex')
const OPTIONS = 'read-timeout=10s&min-retry-backoff=1ms&max-retry-backoff=20ms'

export interface CutVolume {
  readonly server: RedisServer
  /** Its connections go through a proxy. */
  readonly client: TestClient<Clock>
  /** Another client of the volume, with connections of its own. */
  readonly other: TestClient<Clock>
  readonly cuts: number
  /** The client's next commit loses its connection. */
  cutNext(place: CutPlace): void
  breakAll(): void
  close(): Promise<void>
}

export async function openCutVolume(
  config: Readonly<Record<string, string>> = { appendonly: 'no' },
  options = OPTIONS,
): Promise<CutVolume> {
  const server = await startRedis(config)
  const proxy = await cutProxy(server)
  const open = (port: number) => openRedis(`redis://127.0.0.1:${port}/1?${options}`, { env: {} })
  const direct = await open(server.port)
  await formatVolume(direct, TEST_SETTING, systemClock)
  const parts = { clock: systemClock }
  const other = await openTestClient<Clock>(direct, TEST_SETTING, systemClock, parts)
  const client = await openTestClient<Clock>(await open(proxy.port), TEST_SETTING, systemClock, parts)
  return {
    server,
    client,
    other,
    get cuts() {
      return proxy.cuts
    },
    cutNext: (place) => proxy.cutNext(COMMIT_HASH, place),
    breakAll: () => proxy.breakAll(),
    close: async () => {
      await client.close()
      await other.close()
      await proxy.close()
      await server.stop()
    },
  }
}
