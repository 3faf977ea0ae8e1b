/**
 * Samples over time: every second for an hour, the mean of every minute for a week. A row is one sample as 32-bit
 * floats in the order of the series (NaN: nothing to say). Seconds are written ten at a time: a killed daemon loses
 * those, and a disk is not woken every second.
 */

import type { z } from 'zod'
import {
  type History,
  type historyInput,
  type Sample,
  SERIES_NAMES,
  type SeriesName,
} from '#core/api/metrics.ts'
import type { Db } from './database.ts'
import { meanSample } from './sampler.ts'

const SECOND = 1
const MINUTE = 60
const KEPT_SEC = { [SECOND]: 3600, [MINUTE]: 7 * 86_400 } as const
const WRITE_EVERY = 10
const POINTS = 1500

export class HistoryStore {
  readonly #db: Db
  readonly #pending: {
    readonly id: string
    readonly step: number
    readonly at: number
    readonly vals: Buffer
  }[] = []
  readonly #minutes = new Map<string, { readonly minute: number; readonly samples: Sample[] }>()
  #seconds = 0

  constructor(db: Db) {
    this.#db = db
  }

  add(id: string, sample: Sample): void {
    const at = Math.floor(sample.atMs / 1000)
    this.#pending.push({ id, step: SECOND, at, vals: encode(sample) })
    const minute = Math.floor(at / 60)
    const open = this.#minutes.get(id)
    if (open === undefined || open.minute !== minute) {
      if (open !== undefined) this.#closeMinute(id, open.minute, open.samples)
      this.#minutes.set(id, { minute, samples: [sample] })
    } else open.samples.push(sample)
  }

  /** Once a second: write what has gathered, now and then forget what is too old. */
  tick(): void {
    this.#seconds++
    if (this.#seconds % WRITE_EVERY === 0) this.write()
    if (this.#seconds % 300 === 0) this.#forget()
  }

  write(): void {
    if (this.#pending.length === 0) return
    const insert = this.#db.prepare(
      'INSERT OR REPLACE INTO samples (volume_id, step, at, vals) VALUES (?, ?, ?, ?)',
    )
    this.#db.transaction(() => {
      for (const { id, step, at, vals } of this.#pending.splice(0)) insert.run(id, step, at, vals)
    })()
  }

  /** Also what is not written yet. */
  read({ id, fromMs, toMs = Date.now(), resolution, series }: z.output<typeof historyInput>): History {
    this.write()
    const step = stepOf(resolution, fromMs, toMs)
    const from = Math.floor(fromMs / 1000 / step) * step
    const to = Math.min(Math.floor(toMs / 1000), Math.floor(Date.now() / 1000))
    const first = Math.max(from, to - KEPT_SEC[step])
    const rows = this.#db
      .prepare(
        'SELECT at, vals FROM samples WHERE volume_id = ? AND step = ? AND at BETWEEN ? AND ? ORDER BY at',
      )
      .all(id, step, first, to) as { at: number; vals: Buffer }[]
    const atMs: number[] = []
    const columns = series.map((name) => ({
      name,
      at: SERIES_NAMES.indexOf(name),
      values: [] as (number | null)[],
    }))
    let next = 0
    for (let at = Math.ceil(first / step) * step; at <= to; at += step) {
      atMs.push(at * 1000)
      while (next < rows.length && rows[next]!.at < at) next++
      const row = rows[next]?.at === at ? rows[next] : undefined
      for (const column of columns) column.values.push(row === undefined ? null : decode(row.vals, column.at))
    }
    const found = Object.fromEntries(columns.map(({ name, values }) => [name, values]))
    return { stepMs: step * 1000, atMs, series: found as Partial<Record<SeriesName, (number | null)[]>> }
  }

  forget(id: string): void {
    this.#minutes.delete(id)
    for (let at = this.#pending.length - 1; at >= 0; at--)
      if (this.#pending[at]!.id === id) this.#pending.splice(at, 1)
    this.#db.prepare('DELETE FROM samples WHERE volume_id = ?').run(id)
  }

  close(): void {
    for (const [id, { minute, samples }] of this.#minutes) this.#closeMinute(id, minute, samples)
    this.#minutes.clear()
    this.write()
  }

  #closeMinute(id: string, minute: number, samples: readonly Sample[]): void {
    this.#pending.push({ id, step: MINUTE, at: minute * 60, vals: encode(meanSample(samples)) })
  }

  #forget(): void {
    const now = Math.floor(Date.now() / 1000)
    for (const step of [SECOND, MINUTE] as const) {
      this.#db.prepare('DELETE FROM samples WHERE step = ? AND at < ?').run(step, now - KEPT_SEC[step])
    }
  }
}

function stepOf(resolution: 'second' | 'minute' | 'auto', fromMs: number, toMs: number): 1 | 60 {
  if (resolution !== 'auto') return resolution === 'second' ? SECOND : MINUTE
  const isRecent = Date.now() - fromMs <= KEPT_SEC[SECOND] * 1000
  return isRecent && (toMs - fromMs) / 1000 <= POINTS ? SECOND : MINUTE
}

function encode({ values }: Sample): Buffer {
  const floats = Float32Array.from(SERIES_NAMES, (name) => values[name] ?? Number.NaN)
  return Buffer.from(floats.buffer)
}

/** Older rows may be shorter: series are only ever added at the end. */
function decode(vals: Buffer, at: number): number | null {
  if ((at + 1) * 4 > vals.length) return null
  const value = vals.readFloatLE(at * 4)
  return Number.isNaN(value) ? null : value
}
