import type { History, LiveDetail } from '#core/api/metrics.ts'
import type { MetricsService } from '#core/api/services.ts'
import { systemClock } from '#core/base/clock.ts'
import { waitingRequests } from '#core/volume/dead-mount.ts'
import { mountAt, readMounts } from '#core/volume/mount-table.ts'
import type { Daemon } from '../daemon.ts'

const EVERY_MS = 1000

/** Live numbers and their history. */
export class MetricsView implements MetricsService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  /** One a second while the volume is mounted; nothing while it is not. */
  async *live({ id }: { readonly id: string }, signal: AbortSignal): AsyncIterable<LiveDetail> {
    const { supervisor } = this.#daemon
    supervisor.get(id)
    let saidMs = 0
    while (!signal.aborted && supervisor.has(id)) {
      const { link, sampler } = supervisor.get(id)
      const numbers = link?.numbers()
      if (link !== undefined && numbers !== undefined && numbers.atMs !== saidMs) {
        const detail = sampler.detail(numbers, await waiting(link.status.mountPoint))
        if (detail !== undefined) {
          saidMs = numbers.atMs
          yield detail
        }
      }
      await systemClock.sleep(EVERY_MS, signal).catch(() => {})
    }
  }

  history(input: Parameters<MetricsService['history']>[0]): History {
    this.#daemon.supervisor.get(input.id)
    return this.#daemon.history.read(input)
  }
}

async function waiting(mountPoint: string): Promise<number | null> {
  const mount = mountAt(await readMounts(), mountPoint)
  return mount === undefined ? null : waitingRequests(mount)
}
