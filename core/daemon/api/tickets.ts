/** Single-use addresses for downloads: a link cannot carry a token, and must not. */
import { secureBytes } from '#core/base/random.ts'
import type { Content } from './content.ts'

const LIVES_MS = 60_000
const MOST = 1000

export class Tickets {
  readonly #open = new Map<string, { readonly content: Content; readonly endsMs: number }>()

  /** A path under which `content` can be had once, within a minute. */
  add(content: Content): string {
    const ticket = secureBytes(32).toString('base64url')
    this.#open.set(ticket, { content, endsMs: Date.now() + LIVES_MS })
    if (this.#open.size > MOST) this.#open.delete(this.#open.keys().next().value!)
    return `/api/download/${ticket}`
  }

  take(ticket: string): Content | undefined {
    const found = this.#open.get(ticket)
    this.#open.delete(ticket)
    return found === undefined || found.endsMs < Date.now() ? undefined : found.content
  }
}
