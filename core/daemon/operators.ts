/**
 * Who does work on a volume: the process of its mount, with its caches, or else a worker that opens the volume
 * without mounting it, kept for a while after its last use.
 */

import { ApiRefusal } from '#core/api/server-errors.ts'
import { redactUrl } from '#core/base/redact.ts'
import type { CallOptions } from '#core/volume/control-socket.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { volumeOptions } from './mount-request.ts'
import type { Supervisor } from './supervisor.ts'
import { startWorker, type Worker } from './worker/start-worker.ts'

export interface Operator {
  call(op: string, args?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<unknown>
}

const IDLE_MS = 60_000
const PROBES = 'probes'

interface Entry {
  readonly worker: Promise<Worker>
  uses: number
  idle?: NodeJS.Timeout
}

export class Operators {
  readonly #supervisor: Supervisor
  readonly #workers = new Map<string, Entry>()

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  /** Ask whoever serves the volume now. */
  of(id: string): Operator {
    return {
      call: (op, args = {}, options = {}) => {
        const { link, phase } = this.#supervisor.get(id)
        if (link !== undefined && phase.kind === 'serving') return link.client.call(op, args, options)
        return this.#throughWorker(id, () => this.#openVolume(id), op, args, options)
      },
    }
  }

  probes(): Operator {
    const open = () => startWorker(this.#supervisor.parts.places.runtimeDir, { kind: 'probes' })
    return { call: (op, args = {}, options = {}) => this.#throughWorker(PROBES, open, op, args, options) }
  }

  /** A volume that is about to be mounted, changed or forgotten: nobody else may hold it open. */
  async release(id: string): Promise<void> {
    const entry = this.#workers.get(id)
    if (entry === undefined) return
    this.#workers.delete(id)
    clearTimeout(entry.idle)
    const worker = await entry.worker.catch(() => undefined)
    worker?.close()
    await worker?.ended
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.keys()].map((id) => this.release(id)))
  }

  #openVolume(id: string): Promise<Worker> {
    const { profiles, secrets, settings, places } = this.#supervisor.parts
    const profile = profiles.find(id)
    if (profile === undefined) {
      throw new ApiRefusal(
        'refused',
        'this mount was made from the command line and has ended',
        'connect to the volume',
      )
    }
    secrets.check(id)
    const own = secrets.get(id)
    return startWorker(places.runtimeDir, {
      kind: 'volume',
      metaUrl: completeMetaUrl(profile.metaUrl, own.metaPassword),
      options: { ...volumeOptions(profile, own, settings.now), writeback: false },
    }).catch((error: unknown) => {
      this.#supervisor.parts.log.info('a volume could not be opened', {
        at: redactUrl(profile.metaUrl),
        error,
      })
      throw error
    })
  }

  async #throughWorker(
    key: string,
    open: () => Promise<Worker>,
    op: string,
    args: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<unknown> {
    const entry = this.#entry(key, open)
    entry.uses++
    clearTimeout(entry.idle)
    try {
      return await (await entry.worker).client.call(op, args, options)
    } finally {
      entry.uses--
      if (entry.uses === 0 && this.#workers.get(key) === entry) {
        entry.idle = setTimeout(() => void this.release(key), IDLE_MS).unref()
      }
    }
  }

  #entry(key: string, open: () => Promise<Worker>): Entry {
    const known = this.#workers.get(key)
    if (known !== undefined) return known
    const entry: Entry = { worker: open(), uses: 0 }
    this.#workers.set(key, entry)
    const forget = () => {
      if (this.#workers.get(key) === entry) this.#workers.delete(key)
    }
    entry.worker.then((worker) => void worker.ended.then(forget), forget)
    return entry
  }
}
