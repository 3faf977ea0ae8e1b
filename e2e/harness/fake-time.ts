/** A wall clock for one process that a test sets, by libfaketime. Timers and the monotonic clock go on as they are. */
import { readdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installPackages } from '../../scripts/system.mjs'

const LIBRARY = 'faketime/libfaketimeMT.so.1'

export class FakeTime {
  /** For the process whose clock it is. */
  readonly env: Readonly<Record<string, string>>
  readonly #file: string

  private constructor(library: string, folder: string) {
    this.#file = join(folder, 'fake-time')
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    }
  }

  /** Right until `shift` is called; or why there is none: the reason to skip under. `folder` takes a file. */
  static async make(folder: string): Promise<FakeTime | string> {
    const library = fakeTimeLibrary()
    if (library === undefined) return 'package libfaketime is not installed'
    const fake = new FakeTime(library, folder)
    await fake.shift(0)
    return fake
  }

  /** From now on the clock is `hours` ahead of what is right, or behind it. */
  async shift(hours: number): Promise<void> {
    await writeFile(`${this.#file}.new`, `${hours < 0 ? '-' : '+'}${Math.abs(hours * 3600)}\n`)
    await rename(`${this.#file}.new`, this.#file)
  }
}

/** Installed when we are root. */
export function fakeTimeLibrary(): string | undefined {
  const library = findLibrary()
  if (library !== undefined) return library
  installPackages(['libfaketime'])
  return findLibrary()
}

function findLibrary(): string | undefined {
  for (const lib of ['/usr/lib', '/usr/lib64'])
    for (const name of list(lib))
      for (const path of [join(lib, name, LIBRARY), join(lib, LIBRARY)])
        if (list(join(path, '..')).includes('libfaketimeMT.so.1')) return path
  return undefined
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
