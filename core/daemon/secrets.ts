/**
 * Secrets of profiles: passwords of metadata servers, keys of buckets, passphrases. Behind one interface, so that a
 * keychain can take the file's place; nothing else in the daemon writes a secret anywhere.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { SecretName, VolumeSecrets } from '#core/api/volumes.ts'
import { Refusal } from '#core/base/refusal.ts'

export interface SecretStore {
  readonly kind: 'file' | 'keychain'
  get(id: string): VolumeSecrets
  names(id: string): readonly SecretName[]
  /** Empty text takes one away, absent leaves it. */
  change(id: string, secrets: VolumeSecrets): void
  remove(id: string): void
}

/** A file only this user can read, replaced as a whole. */
export class FileSecretStore implements SecretStore {
  readonly kind = 'file'
  readonly #path: string
  readonly #all: Map<string, VolumeSecrets>

  /** Errors: Refusal when the file cannot be read as what it is. */
  constructor(path: string) {
    this.#path = path
    this.#all = load(path)
  }

  get(id: string): VolumeSecrets {
    return this.#all.get(id) ?? {}
  }

  names(id: string): readonly SecretName[] {
    return Object.keys(this.get(id)) as SecretName[]
  }

  change(id: string, secrets: VolumeSecrets): void {
    if (Object.values(secrets).every((value) => value === undefined)) return
    const next = { ...this.get(id) }
    for (const [name, value] of Object.entries(secrets) as [SecretName, string | undefined][]) {
      if (value === '') delete next[name]
      else if (value !== undefined) next[name] = value
    }
    if (Object.keys(next).length === 0) this.#all.delete(id)
    else this.#all.set(id, next)
    this.#save()
  }

  remove(id: string): void {
    if (this.#all.delete(id)) this.#save()
  }

  #save(): void {
    const temporary = `${this.#path}.new`
    const fd = openSync(temporary, 'w', 0o600)
    try {
      writeSync(fd, JSON.stringify(Object.fromEntries(this.#all)))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, this.#path)
  }
}

function load(path: string): Map<string, VolumeSecrets> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, VolumeSecrets>))
  } catch {
    // The cause stays out: it quotes what it read.
    throw new Refusal(
      `${path} is damaged`,
      'move it away; Pomelo then asks for the keys of your volumes again',
    )
  }
}
