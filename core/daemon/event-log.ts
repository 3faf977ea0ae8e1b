/** What happened, kept in the database up to a bound, and told to whoever listens. */

import type { z } from 'zod'
import type { EventKind, EventLevel, EventsPage, eventsInput, LogEvent } from '#core/api/events.ts'
import { redactText } from '#core/base/redact.ts'
import { Broadcast } from './broadcast.ts'
import type { Db } from './database.ts'

const KEPT = 20_000
/** Rows above the bound before they are removed. */
const SLACK = 500

export interface NewEvent {
  readonly level?: EventLevel
  readonly kind: EventKind
  readonly volume?: { readonly id: string; readonly name: string }
  readonly sentence: string
  readonly detail?: string
  readonly next?: string
}

interface Row {
  readonly id: number
  readonly at_ms: number
  readonly level: string
  readonly kind: string
  readonly volume_id: string | null
  readonly volume_name: string | null
  readonly sentence: string
  readonly detail: string | null
  readonly next: string | null
}

export class EventLog {
  readonly added = new Broadcast<LogEvent>()
  readonly #db: Db
  #sinceTrim = 0

  constructor(db: Db) {
    this.#db = db
  }

  add({ level = 'info', kind, volume, sentence, detail, next }: NewEvent): void {
    const atMs = Date.now()
    const values = [atMs, level, kind, volume?.id ?? null, volume?.name ?? null]
    const texts = [sentence, detail, next].map((text) => (text === undefined ? null : redactText(text)))
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO events (at_ms, level, kind, volume_id, volume_name, sentence, detail, next)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(...values, ...texts)
    const row = this.#db.prepare('SELECT * FROM events WHERE id = ?').get(lastInsertRowid) as Row
    if (++this.#sinceTrim >= SLACK) this.#trim()
    this.added.send(eventOf(row))
  }

  list({ id, levels, kinds, text, beforeId, limit }: z.output<typeof eventsInput>): EventsPage {
    const terms: string[] = []
    const values: (string | number)[] = []
    const among = (column: string, choices: readonly string[] | undefined) => {
      if (choices === undefined) return
      terms.push(`${column} IN (${choices.map(() => '?').join(', ')})`)
      values.push(...choices)
    }
    if (id !== undefined) among('volume_id', [id])
    among('level', levels)
    among('kind', kinds)
    if (text !== undefined && text !== '') {
      terms.push(
        "(sentence || ' ' || coalesce(volume_name, '') || ' ' || coalesce(detail, '')) LIKE ? ESCAPE '\\'",
      )
      values.push(`%${text.replace(/[\\%_]/g, '\\$&')}%`)
    }
    if (beforeId !== undefined) {
      terms.push('id < ?')
      values.push(beforeId)
    }
    const where = terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`
    const rows = this.#db
      .prepare(`SELECT * FROM events ${where} ORDER BY id DESC LIMIT ?`)
      .all(...values, limit + 1) as Row[]
    return { events: rows.slice(0, limit).map(eventOf), more: rows.length > limit }
  }

  #trim(): void {
    this.#sinceTrim = 0
    this.#db.prepare('DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?').run(KEPT)
  }
}

function eventOf(row: Row): LogEvent {
  return {
    eventId: row.id,
    atMs: row.at_ms,
    level: row.level as EventLevel,
    kind: row.kind as EventKind,
    volumeId: row.volume_id,
    volumeName: row.volume_name,
    sentence: row.sentence,
    ...(row.detail !== null && { detail: row.detail }),
    ...(row.next !== null && { next: row.next }),
  }
}
