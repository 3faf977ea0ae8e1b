/** Volumes: list, add, change, remove, mount, unmount. */
import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { Caller, VolumesService } from '#core/api/services.ts'
import type { MetadataHealth } from '#core/api/settings.ts'
import {
  type ClientSession,
  type Profile,
  type TeamProfile,
  teamProfile,
  type Volume,
  type VolumeFormat,
  type VolumeSecrets,
  type VolumeSpace,
  type VolumesChange,
} from '#core/api/volumes.ts'
import { splitPassword } from '#core/volume/meta-url.ts'
import { isInside } from '#core/volume/mount-table.ts'
import type { Daemon } from '../daemon.ts'
import type { StoredProfile } from '../profiles.ts'
import { knownVolume, type LocalSession, sessionsOf } from '../session-view.ts'

type Inputs<K extends keyof VolumesService> = Parameters<VolumesService[K]>[0]

export class Volumes implements VolumesService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  list(): readonly Volume[] {
    return this.#daemon.supervisor.index.list()
  }

  get(id: string): Volume {
    return this.#daemon.supervisor.index.get(id)
  }

  async *watch(signal: AbortSignal): AsyncIterable<VolumesChange> {
    const changes = this.#daemon.supervisor.changes.listen(signal)
    yield { kind: 'all', volumes: this.list() }
    yield* changes
  }

  profile(id: string): Profile {
    const { desired: _, desiredBoot: __, seen: ___, ...shown } = this.#daemon.profiles.get(id)
    return { ...shown, secrets: this.#daemon.secrets.names(id) }
  }

  create(input: Inputs<'create'>) {
    this.#checkMountPoint(input.mountPoint)
    return this.#daemon.services.tasks.start({ kind: 'create', create: input })
  }

  async connect(input: Inputs<'connect'>, caller: Caller): Promise<Volume> {
    const { metaUrl, secrets } = takePassword(input.metaUrl, input.secrets)
    const answer = await this.#daemon.services.probes.metadata(
      { metaUrl, password: secrets.metaPassword },
      caller,
    )
    if (answer.volume === null) {
      const problem = answer.findings.find(({ level }) => level === 'problem')
      throw new ApiRefusal(
        'refused',
        answer.ok ? `there is no volume at ${answer.address} yet` : answer.sentence,
        answer.ok ? 'make a new volume there' : problem?.next,
      )
    }
    if (answer.volume.needsPassphrase && !secrets.passphrase) {
      throw new ApiRefusal('refused', `“${answer.volume.volumeName}” is encrypted`, 'enter its recovery key')
    }
    return this.addProfile(
      { ...input, metaUrl, secrets, name: input.name ?? answer.volume.volumeName },
      input.mountNow,
    )
  }

  /** Keep a volume that was looked at, and mount it when wanted. */
  addProfile(
    input: Pick<Inputs<'connect'>, 'mountPoint' | 'mountAtLogin' | 'settings' | 'bucket'> & {
      readonly name: string
      readonly metaUrl: string
      readonly secrets: VolumeSecrets
    },
    mountNow: boolean,
  ): Volume {
    const { profiles, secrets, supervisor, events } = this.#daemon
    const mountPoint = this.#checkMountPoint(input.mountPoint ?? this.#freeMountPoint(input.name))
    const profile = profiles.add({
      name: input.name,
      metaUrl: input.metaUrl,
      mountPoint,
      mountAtLogin: input.mountAtLogin,
      settings: input.settings,
      bucket: input.bucket ?? null,
    })
    secrets.change(profile.id, input.secrets)
    events.add({ kind: 'profile', volume: profile, sentence: `Volume “${profile.name}” was added.` })
    const runner = supervisor.add(profile)
    const found = supervisor.foundAt(mountPoint)
    if (found !== undefined) supervisor.moveFound(found, runner)
    else if (mountNow) runner.mount()
    return this.get(profile.id)
  }

  async update(input: Inputs<'update'>): Promise<Volume> {
    const { profiles, secrets, supervisor, operators, events } = this.#daemon
    const before = profiles.get(input.id)
    const split = input.metaUrl === undefined ? undefined : takePassword(input.metaUrl, input.secrets ?? {})
    const mountPoint =
      input.mountPoint === undefined ? undefined : this.#checkMountPoint(input.mountPoint, input.id)
    const { link } = supervisor.get(input.id)
    if (mountPoint !== undefined && mountPoint !== before.mountPoint && link !== undefined)
      throw new ApiRefusal(
        'conflict',
        `“${before.name}” is mounted at ${before.mountPoint}`,
        'unmount it first',
      )
    profiles.change(input.id, {
      name: input.name ?? before.name,
      metaUrl: split?.metaUrl ?? before.metaUrl,
      mountPoint: mountPoint ?? before.mountPoint,
      mountAtLogin: input.mountAtLogin ?? before.mountAtLogin,
      settings: input.settings ?? before.settings,
      bucket: input.bucket === undefined ? before.bucket : input.bucket,
    })
    secrets.change(input.id, split?.secrets ?? input.secrets ?? {})
    await operators.release(input.id)
    await this.#daemon.applyLimits(input.id)
    events.add({ kind: 'profile', volume: profiles.get(input.id), sentence: 'Its settings were changed.' })
    supervisor.index.changed(input.id)
    return this.get(input.id)
  }

  async remove({ id, confirm, data }: Inputs<'remove'>): Promise<void> {
    const { profiles, secrets, supervisor, operators, events, history, services } = this.#daemon
    const profile = profiles.get(id)
    if (confirm !== profile.name) {
      throw new ApiRefusal('refused', `“${confirm}” is not the name of this volume`, `type ${profile.name}`)
    }
    if (supervisor.get(id).link !== undefined)
      throw new ApiRefusal('conflict', `“${profile.name}” is mounted`, 'unmount it first')
    if (data) {
      await services.tasks.start({ kind: 'destroy', id, confirm })
      return
    }
    await operators.release(id)
    supervisor.remove(id)
    profiles.remove(id)
    secrets.remove(id)
    history.forget(id)
    events.add({
      kind: 'profile',
      volume: profile,
      sentence: `Volume “${profile.name}” was removed from this computer.`,
    })
  }

  async mount({ id, waitMs }: Inputs<'mount'>, caller: Caller): Promise<Volume> {
    const runner = this.#daemon.supervisor.get(id)
    await this.#daemon.operators.release(id)
    runner.mount()
    await this.#wait(id, waitMs, caller)
    return this.get(id)
  }

  async unmount({ id, how, waitMs }: Inputs<'unmount'>, caller: Caller): Promise<Volume> {
    this.#daemon.supervisor.get(id).unmount(how)
    await this.#wait(id, waitMs, caller)
    // A mount nobody saved has left the list with its end.
    return this.#daemon.supervisor.has(id) ? this.get(id) : goneVolume(id)
  }

  async restart(id: string): Promise<Volume> {
    this.#daemon.supervisor.get(id).restart()
    return this.get(id)
  }

  async cancel(id: string): Promise<Volume> {
    this.#daemon.supervisor.get(id).cancel()
    return this.get(id)
  }

  async openFolder(id: string): Promise<void> {
    const { status, mountPoint } = this.get(id)
    if (status.state === 'unmounted' || status.state === 'failed')
      throw new ApiRefusal('refused', 'the volume is not mounted', 'mount it first')
    try {
      await promisify(execFile)('xdg-open', [mountPoint], { timeout: 10_000 })
    } catch (cause) {
      throw new ApiRefusal('refused', 'no file manager could be opened', `open ${mountPoint} yourself`, {
        cause,
      })
    }
  }

  exportProfile(id: string): TeamProfile {
    const { name, metaUrl, bucket, settings } = this.#daemon.profiles.get(id)
    // The schema leaves out what is of this computer alone.
    return teamProfile.parse({
      pomeloProfile: 1,
      name,
      metaUrl,
      bucket,
      settings,
      needs: this.#daemon.secrets.names(id),
    })
  }

  /** Added, not mounted: whoever imports it brings the secrets first. */
  async importProfile(profile: Inputs<'importProfile'>): Promise<Volume> {
    const { metaUrl, secrets } = takePassword(profile.metaUrl, {})
    return this.addProfile(
      { ...profile, bucket: profile.bucket ?? undefined, metaUrl, secrets, mountAtLogin: false },
      false,
    )
  }

  async format(id: string, { signal }: Caller): Promise<VolumeFormat> {
    return (await this.#daemon.operators.of(id).call('format', {}, { signal })) as VolumeFormat
  }

  async changeFormat(
    { id, ...changes }: Inputs<'changeFormat'>,
    { signal }: Caller,
  ): Promise<readonly string[]> {
    const lines = (await this.#daemon.operators.of(id).call('changeFormat', changes, { signal })) as string[]
    await this.#daemon.operators.release(id)
    return lines
  }

  space(id: string): VolumeSpace | null {
    this.#daemon.supervisor.get(id)
    return this.#daemon.notes.get<VolumeSpace>(id, 'space') ?? null
  }

  async sessions(id: string, { signal }: Caller): Promise<readonly ClientSession[]> {
    const found = (await this.#daemon.operators.of(id).call('sessions', {}, { signal })) as LocalSession[]
    return sessionsOf(found, knownVolume(this.#daemon.supervisor.get(id)))
  }

  health(id: string, { signal }: Caller): Promise<MetadataHealth> {
    return this.#daemon.health.of(id, signal)
  }

  async #wait(id: string, waitMs: number | undefined, { signal }: Caller): Promise<void> {
    if (waitMs === undefined || waitMs === 0) return
    await this.#daemon.supervisor.get(id).settled(AbortSignal.any([signal, AbortSignal.timeout(waitMs)]))
  }

  /** The absolute path. Errors: refused when it is a place that cannot be, or taken. */
  #checkMountPoint(text: string | undefined, own?: string): string {
    if (text === undefined) return ''
    const path = resolve(expandHome(text))
    if (path === '/' || path === homedir())
      throw new ApiRefusal('refused', `a volume cannot be mounted on ${path}`, 'choose an empty folder')
    const other = this.#daemon.profiles
      .list()
      .find(({ id, mountPoint }) => id !== own && (isInside(path, mountPoint) || isInside(mountPoint, path)))
    if (other === undefined) return path
    throw new ApiRefusal('conflict', `${path} is the place of “${other.name}”`, 'choose another folder')
  }

  #freeMountPoint(name: string): string {
    const folder = expandHome(this.#daemon.settings.now.mountFolder)
    const plain = name.replace(/[/\0]/g, '-').replace(/^\.+/, '').slice(0, 200) || 'volume'
    const taken = new Set(this.#daemon.profiles.list().map(({ mountPoint }) => mountPoint))
    for (let n = 1; ; n++) {
      const path = join(folder, n === 1 ? plain : `${plain} ${n}`)
      if (!taken.has(path)) return path
    }
  }
}

export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}

/** A password written into an address goes where secrets are kept. */
function takePassword(
  text: string,
  secrets: VolumeSecrets,
): Pick<StoredProfile, 'metaUrl'> & { readonly secrets: VolumeSecrets } {
  const { url, password } = splitPassword(text)
  return { metaUrl: url, secrets: password === undefined ? secrets : { metaPassword: password, ...secrets } }
}

function goneVolume(id: string): never {
  throw new ApiRefusal('gone', `the mount ${id} has ended`)
}
