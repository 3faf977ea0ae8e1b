/**
 * The values of the charts: a window of time that history fills and live samples move on, in the columns that uPlot
 * draws. Bounded by the window; listeners are told after every change.
 */
import type { History, Sample, SeriesName } from '#core/api/metrics.ts'

type Column = (number | null)[]

export class SeriesWindow {
  readonly #names: readonly SeriesName[]
  readonly #windowMs: number
  readonly #listeners = new Set<() => void>()
  #stepMs = 1000
  #atSec: number[] = []
  #columns = new Map<SeriesName, Column>()
  #version = 0

  constructor(names: readonly SeriesName[], windowMs: number) {
    this.#names = names
    this.#windowMs = windowMs
    this.#clear()
  }

  /** Rises with every change. */
  get version(): number {
    return this.#version
  }

  get length(): number {
    return this.#atSec.length
  }

  /** Seconds, and one column for each name, as uPlot takes them. */
  data(names: readonly SeriesName[]): [number[], ...Column[]] {
    return [this.#atSec, ...names.map((name) => this.#columns.get(name) ?? [])]
  }

  /** The value at `index`; negative counts from the end. */
  at(name: SeriesName, index: number): number | null {
    return this.#columns.get(name)?.at(index) ?? null
  }

  timeMs(index: number): number | undefined {
    const sec = this.#atSec.at(index)
    return sec === undefined ? undefined : sec * 1000
  }

  fill({ stepMs, atMs, series }: History): void {
    this.#clear()
    this.#stepMs = stepMs
    this.#atSec = atMs.map((at) => at / 1000)
    for (const name of this.#names) this.#columns.set(name, [...(series[name] ?? atMs.map(() => null))])
    this.#changed()
  }

  /** A sample that is not newer, or comes within a step, is left out: the next history has it. */
  push({ atMs, values }: Sample): void {
    const last = this.#atSec.at(-1)
    // Half a step of tolerance: samples come a little early and late.
    if (last !== undefined && atMs < last * 1000 + this.#stepMs / 2) return
    if (last !== undefined && atMs - last * 1000 > 5 * this.#stepMs)
      this.#append(last + this.#stepMs / 1000, () => null)
    this.#append(atMs / 1000, (name) => values[name])
    const from = atMs / 1000 - this.#windowMs / 1000
    const old = this.#atSec.findIndex((at) => at >= from)
    if (old > 0) {
      this.#atSec.splice(0, old)
      for (const column of this.#columns.values()) column.splice(0, old)
    }
    this.#changed()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #append(sec: number, value: (name: SeriesName) => number | null): void {
    this.#atSec.push(sec)
    for (const name of this.#names) this.#columns.get(name)!.push(value(name))
  }

  #clear(): void {
    this.#atSec = []
    this.#columns = new Map(this.#names.map((name) => [name, []]))
  }

  #changed(): void {
    this.#version++
    for (const listener of this.#listeners) listener()
  }
}
