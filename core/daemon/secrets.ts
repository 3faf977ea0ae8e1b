/**
 * Secrets of profiles: passwords of metadata servers, keys of buckets, passphrases. Nothing else in the daemon writes a
 * secret anywhere.
 *
 * They are a file only this user can read. Where the desktop has a keychain, its shell keeps a key there and hands it
 * over after each start of the daemon (`protect`): the file is sealed with it from then on, and *locked* until the key
 * comes again. Which volumes have which secrets is not secret, and known while locked.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { SecretName, VolumeSecrets } from '#core/api/volumes.ts'
import { Refusal } from '#core/base/refusal.ts'
import { seal, unseal } from './sealing.ts'

/** The file is sealed and the key has not come yet. */
export class LockedSecrets extends Refusal {
  constructor() {
    super(
      'the passwords and keys of this computer’s volumes are locked',
      'Open Pomelo on the desktop: it gets the key from your keychain.',
    )
  }
}

export interface SecretStore {
  readonly kind: 'file' | 'keychain'
  /** Nothing while locked: `check` before it matters. */
  get(id: string): VolumeSecrets
  names(id: string): readonly SecretName[]
  /** Errors: LockedSecrets when the volume has secrets that cannot be read now. */
  check(id: string): void
  /** Empty text takes one away, absent leaves it. Errors: LockedSecrets. */
  change(id: string, secrets: VolumeSecrets): void
  remove(id: string): void
  /** Seal the file with a key of 32 bytes, or open what was sealed with it. Errors: Refusal: it was another key. */
  protect(key: Uint8Array): void
}

type All = Map<string, VolumeSecrets>
type Names = Map<string, readonly SecretName[]>

/** What is in a sealed file. */
interface Sealed {
  readonly sealed: string
  readonly names: Readonly<Record<string, readonly SecretName[]>>
}

/** A file only this user can read, replaced as a whole. */
export class FileSecretStore implements SecretStore {
  readonly #path: string
  /** Undefined while locked. */
  #all: All | undefined
  #names: Names
  /** Of a locked file. */
  #sealed = ''
  #key: Uint8Array | undefined

  /** Errors: Refusal when the file cannot be read as what it is. */
  constructor(path: string) {
    this.#path = path
    const found = load(path)
    if (found instanceof Map) {
      this.#all = found
      this.#names = namesOf(found)
    } else {
      this.#sealed = found.sealed
      this.#names = new Map(Object.entries(found.names))
    }
  }

  get kind(): 'file' | 'keychain' {
    return this.#key === undefined && this.#all !== undefined ? 'file' : 'keychain'
  }

  get(id: string): VolumeSecrets {
    return this.#all?.get(id) ?? {}
  }

  names(id: string): readonly SecretName[] {
    return this.#names.get(id) ?? []
  }

  check(id: string): void {
    if (this.#all === undefined && this.names(id).length > 0) throw new LockedSecrets()
  }

  change(id: string, secrets: VolumeSecrets): void {
    if (Object.values(secrets).every((value) => value === undefined)) return
    if (this.#all === undefined) throw new LockedSecrets()
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
    const isKnown = this.#names.delete(id)
    this.#all?.delete(id)
    if (isKnown) this.#save()
  }

  protect(key: Uint8Array): void {
    if (this.#all === undefined) {
      const text = unseal(key, this.#sealed)
      if (text === undefined) throw anotherKey(this.#path)
      const all = parse(text, this.#path)
      // Volumes removed while it was locked.
      for (const id of all.keys()) if (!this.#names.has(id)) all.delete(id)
      this.#all = all
    } else if (this.#key !== undefined) {
      if (Buffer.compare(this.#key, key) !== 0) throw anotherKey(this.#path)
      return
    }
    this.#key = Uint8Array.from(key)
    this.#save()
  }

  #save(): void {
    if (this.#all !== undefined) this.#names = namesOf(this.#all)
    const temporary = `${this.#path}.new`
    const fd = openSync(temporary, 'w', 0o600)
    try {
      writeSync(fd, this.#text())
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, this.#path)
  }

  #text(): string {
    if (this.#all !== undefined && this.#key === undefined)
      return JSON.stringify(Object.fromEntries(this.#all))
    const isOpen = this.#all !== undefined && this.#key !== undefined
    if (isOpen) this.#sealed = seal(this.#key!, JSON.stringify(Object.fromEntries(this.#all!)))
    return JSON.stringify({ sealed: this.#sealed, names: Object.fromEntries(this.#names) } satisfies Sealed)
  }
}

function anotherKey(path: string): Refusal {
  return new Refusal(
    'the keychain holds another key than the one these passwords and keys were locked with',
    `Move ${path} away, restart the daemon, and enter them again in the settings of each volume.`,
  )
}

function namesOf(all: All): Names {
  return new Map([...all].map(([id, secrets]) => [id, Object.keys(secrets) as SecretName[]]))
}

function load(path: string): All | Sealed {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  const all = parse(text, path) as Map<string, unknown>
  const sealed = all.get('sealed')
  if (typeof sealed !== 'string') return all as All
  return { sealed, names: all.get('names') as Sealed['names'] }
}

function parse(text: string, path: string): All {
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
