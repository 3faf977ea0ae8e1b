/** The last minute of every volume's throughput, for the small curves of lists. One point a second at most. */
import type { Volume } from '#core/api/volumes.ts'

const POINTS = 60
const STEP_MS = 900

export interface Curve {
  readonly up: readonly number[]
  readonly down: readonly number[]
}

const FLAT: Curve = { up: [], down: [] }

export class Throughput {
  readonly #curves = new Map<string, Curve>()
  readonly #asked = new Set<string>()
  #lastMs = 0

  record(volumes: readonly Volume[], nowMs = Date.now()): void {
    if (nowMs - this.#lastMs < STEP_MS) return
    this.#lastMs = nowMs
    const seen = new Set<string>()
    for (const { id, rates } of volumes) {
      if (rates === null) continue
      seen.add(id)
      const { up, down } = this.#curves.get(id) ?? FLAT
      this.#curves.set(id, {
        up: [...up.slice(1 - POINTS), rates.writeBps],
        down: [...down.slice(1 - POINTS), rates.readBps],
      })
    }
    for (const id of this.#curves.keys()) if (!seen.has(id)) this.#forget(id)
  }

  /** What was before the window looked, from history that `read` gives: asked for once. Rejects as `read` does. */
  async begin(id: string, read: () => Promise<Curve>): Promise<void> {
    if (this.#asked.has(id)) return
    this.#asked.add(id)
    const before = await read()
    const { up, down } = this.of(id)
    if (up.length >= POINTS || !this.#asked.has(id)) return
    this.#curves.set(id, {
      up: [...before.up, ...up].slice(-POINTS),
      down: [...before.down, ...down].slice(-POINTS),
    })
  }

  #forget(id: string): void {
    this.#curves.delete(id)
    this.#asked.delete(id)
  }

  of(id: string): Curve {
    return this.#curves.get(id) ?? FLAT
  }
}
