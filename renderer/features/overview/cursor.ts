/** The one place in time that all charts point at; undefined: nowhere, so the newest is told. */
export class Cursor {
  #index: number | undefined
  readonly #listeners = new Set<() => void>()

  get index(): number | undefined {
    return this.#index
  }

  set(index: number | undefined): void {
    if (index === this.#index) return
    this.#index = index
    for (const listener of this.#listeners) listener()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}
