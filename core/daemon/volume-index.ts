/** Volumes as the API shows them, kept so that a list of thousands costs nothing, and told in batches once a second. */
import type { Volume, VolumesChange } from '#core/api/volumes.ts'
import { redactUrl } from '#core/base/redact.ts'
import { engineKind } from './engine-kind.ts'
import type { StoredProfile } from './profiles.ts'
import type { Supervisor } from './supervisor.ts'
import type { VolumeRunner } from './volume-runner.ts'
import { pendingOf, statusOf } from './volume-status.ts'

export class VolumeIndex {
  readonly #supervisor: Supervisor
  readonly #shown = new Map<string, Volume>()
  readonly #dirty = new Set<string>()
  readonly #removed = new Set<string>()
  #sending = false

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  list(): readonly Volume[] {
    this.#refresh()
    const all: Volume[] = []
    for (const { host } of this.#supervisor.runners()) all.push(this.#shown.get(host.id)!)
    return all
  }

  get(id: string): Volume {
    const runner = this.#supervisor.get(id)
    const volume = this.#view(runner)
    this.#shown.set(id, volume)
    return volume
  }

  /** Something about it is not what it was. A change of state is told at once, numbers with the next tick. */
  changed(id: string): void {
    if (!this.#supervisor.has(id)) return
    this.#dirty.add(id)
    const before = this.#shown.get(id)
    const now = this.get(id)
    const isNews =
      before === undefined ||
      before.status.state !== now.status.state ||
      before.status.unmount?.step !== now.status.unmount?.step ||
      before.safeToShutDown !== now.safeToShutDown
    if (!isNews || this.#sending) return
    // Several changes of one moment are one message.
    this.#sending = true
    setImmediate(() => {
      this.#sending = false
      this.flush()
    })
  }

  removed(id: string): void {
    this.#dirty.delete(id)
    this.#shown.delete(id)
    this.#removed.add(id)
    this.flush()
  }

  /** Once a second: phases that count seconds change by themselves. */
  tick(): void {
    for (const runner of this.#supervisor.runners()) {
      const { kind } = runner.phase
      if (kind !== 'unmounted' && kind !== 'failed') this.#dirty.add(runner.host.id)
    }
    this.flush()
  }

  flush(): void {
    if (this.#dirty.size === 0 && this.#removed.size === 0) return
    const changed = [...this.#dirty]
    const removed = [...this.#removed]
    this.#refresh()
    this.#removed.clear()
    const volumes = changed.map((id) => this.#shown.get(id)).filter((volume) => volume !== undefined)
    const change: VolumesChange = { kind: 'change', volumes, removed }
    this.#supervisor.changes.send(change)
  }

  #refresh(): void {
    for (const id of this.#dirty) this.#shown.set(id, this.#view(this.#supervisor.get(id)))
    this.#dirty.clear()
  }

  #view(runner: VolumeRunner): Volume {
    const { host, link } = runner
    const profile = this.#supervisor.parts.profiles.find(host.id)
    const status = statusOf(runner)
    const pending = pendingOf(link)
    const last = runner.sampler.last?.values
    const usage = link?.report?.usage
    const metaUrl = profile?.metaUrl ?? link?.status.metaUrl ?? ''
    return {
      id: host.id,
      name: host.name(),
      volumeName: link?.status.name ?? profile?.seen?.volumeName ?? null,
      uuid: link?.status.uuid ?? profile?.seen?.uuid ?? null,
      origin: profile === undefined ? 'found' : 'profile',
      status,
      desired: host.desired(),
      mountAtLogin: profile?.mountAtLogin ?? false,
      mountPoint: host.mountPoint(),
      engine: { kind: engineKind(metaUrl), address: redactUrl(metaUrl) },
      store: link?.report?.store ?? profile?.seen?.store ?? null,
      readOnly: link?.status.readOnly ?? profile?.settings.readOnly ?? false,
      usage: usage === undefined ? (profile?.seen?.usage ?? null) : { ...usage, asOfMs: Date.now() },
      rates:
        link === undefined || last === undefined
          ? null
          : {
              readBps: last.readBps ?? 0,
              writeBps: last.writeBps ?? 0,
              opsPerSec: last.opsPerSec ?? 0,
              hitRate: runner.sampler.recentHitRate,
              metaMs: last.metaMs,
            },
      pending,
      safeToShutDown: isSafe(status.state, pending.bytes + pending.blocks, profile),
      pid: link?.status.pid ?? null,
      startedMs: link?.status.startedMs ?? null,
    }
  }
}

function isSafe(
  state: Volume['status']['state'],
  pending: number,
  profile: StoredProfile | undefined,
): boolean {
  if (pending > 0) return false
  return (
    state === 'mounted' ||
    state === 'unmounted' ||
    state === 'read-only' ||
    (state === 'failed' && profile !== undefined)
  )
}
