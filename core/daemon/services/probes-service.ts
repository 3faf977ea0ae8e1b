/** Tests of addresses: done by a worker, so that a slow server holds up nobody. */
import { lstat, readdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Finding } from '#core/api/findings.ts'
import type { BucketAnswer, GeneratedKey, MetadataAnswer, MountPointAnswer } from '#core/api/probes.ts'
import type { Caller, ProbesService } from '#core/api/services.ts'
import { mountAt, mountOf, readMounts } from '#core/volume/mount-table.ts'
import type { Daemon } from '../daemon.ts'
import { expandHome } from './volumes-service.ts'

type Inputs<K extends keyof ProbesService> = Parameters<ProbesService[K]>[0]

export class Probes implements ProbesService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  async metadata(input: Inputs<'metadata'>, { signal }: Caller): Promise<MetadataAnswer> {
    const answer = (await this.#daemon.operators
      .probes()
      .call('metadata', input, { signal })) as MetadataAnswer
    if (answer.volume === null) return answer
    const { uuid } = answer.volume
    const known = this.#daemon.profiles.list().find(({ seen }) => seen?.uuid === uuid)
    return { ...answer, volume: { ...answer.volume, knownAs: known?.name ?? null } }
  }

  async bucket(input: Inputs<'bucket'>, { signal }: Caller): Promise<BucketAnswer> {
    return (await this.#daemon.operators.probes().call('bucket', input, { signal })) as BucketAnswer
  }

  async generateKey(): Promise<GeneratedKey> {
    return (await this.#daemon.operators.probes().call('generateKey')) as GeneratedKey
  }

  /** Looks at the folder itself only when nothing is mounted on the way to it. */
  async mountPoint({ path: text }: Inputs<'mountPoint'>): Promise<MountPointAnswer> {
    const path = resolve(expandHome(text))
    const problem = await this.#problemOf(path)
    const findings = problem === undefined ? [] : [problem]
    return { ok: problem === undefined, path, sentence: problem?.sentence ?? 'This place is free.', findings }
  }

  async #problemOf(path: string): Promise<Finding | undefined> {
    const problem = (code: string, sentence: string, next: string): Finding => ({
      level: 'problem',
      code,
      sentence,
      next,
    })
    const other = this.#daemon.profiles.list().find(({ mountPoint }) => mountPoint === path)
    if (other !== undefined)
      return problem('mount-point-taken', `It is the place of “${other.name}”.`, 'choose another folder')
    const mounts = await readMounts()
    if (mountAt(mounts, path) !== undefined)
      return problem('mount-point-mounted', 'Something is mounted there already.', 'choose another folder')
    if (mountOf(mounts, dirname(path))?.type.startsWith('fuse.') === true)
      return problem('mount-point-inside', 'It lies inside another mount.', 'choose a folder on a disk')
    const stat = await lstat(path).catch(() => undefined)
    if (stat === undefined) return undefined
    if (!stat.isDirectory())
      return problem('mount-point-file', 'There is a file of that name.', 'choose another name')
    const names = await readdir(path).catch(() => undefined)
    if (names === undefined)
      return problem('mount-point-denied', 'You may not look into it.', 'choose another folder')
    if (names.length > 0)
      return problem('mount-point-full', 'The folder is not empty.', 'choose an empty folder or a new name')
    return undefined
  }
}
