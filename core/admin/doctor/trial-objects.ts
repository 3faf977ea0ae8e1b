/** Objects that a doctor puts into a bucket, and takes out again whatever happens. */
import { below, systemRandom } from '#core/base/random.ts'
import type { ObjectStore, RequestOptions } from '#core/object/store.ts'

/** A doctor tells what it meets: it does not try again. */
const ONCE: RequestOptions = { attempts: 1 }

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'

/** `testing/` is the folder of trials in the format: whatever lies there belongs to no volume. */
export class TrialObjects {
  readonly prefix: string
  /** For requests about them. */
  readonly once: RequestOptions
  readonly #store: ObjectStore
  readonly #keys = new Set<string>()

  constructor(store: ObjectStore, signal?: AbortSignal) {
    this.#store = store
    this.once = { ...ONCE, signal }
    const random = Array.from({ length: 10 }, () => LETTERS[below(systemRandom, LETTERS.length)]).join('')
    this.prefix = `testing/doctor-${random}/`
  }

  /** A key to put under; what it names is removed in the end, if it was put or may have been. */
  key(name: string): string {
    const key = this.prefix + name
    this.#keys.add(key)
    return key
  }

  /** Remove what is left, interrupted or not; returns the keys that could not be. Never throws. */
  async remove(): Promise<readonly string[]> {
    if (this.#keys.size === 0) return []
    const keys = [...this.#keys]
    const gone = await Promise.all(keys.map((key) => this.#isGone(key)))
    // Directories that a local bucket made for them; one that holds anything else stays.
    for (const folder of [this.prefix, 'testing/', '']) await this.#store.delete(folder, ONCE).catch(() => {})
    return keys.filter((_, at) => !gone[at])
  }

  #isGone(key: string): Promise<boolean> {
    return this.#store.delete(key, ONCE).then(
      () => true,
      async () => (await this.#store.head(key, ONCE).catch(() => 'unknown')) === undefined,
    )
  }
}
