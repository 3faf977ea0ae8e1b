/** ACL rules by id. They never change and are never removed, so what was read once stays true. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { EIO, fail } from '#core/base/errno.ts'
import { aclText } from './acl-rule.ts'
import type { MetaEngine } from './engine.ts'
import type { AclRule } from './records.ts'
import type { Acls } from './state.ts'

const PAGE = 1000
/** Rules of other clients are looked for again, before making one, after this time. */
const LIST_MAX_AGE_MS = 10_000

export function createAcls(engine: MetaEngine, clock: Clock = systemClock): Acls {
  return new CachedAcls(engine, clock)
}

class CachedAcls implements Acls {
  readonly #engine: MetaEngine
  readonly #clock: Clock
  readonly #rules = new Map<number, AclRule>()
  readonly #ids = new Map<string, number>()
  /** One flight per content: equal rules of this client never get two ids. */
  readonly #making = new Map<string, Promise<number>>()
  #listedMs = Number.NEGATIVE_INFINITY

  constructor(engine: MetaEngine, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  async get(id: number): Promise<AclRule> {
    const known = this.#rules.get(id)
    if (known !== undefined) return known
    const [rule] = await this.#engine.read([{ kind: 'acl', id }])
    if (rule === null) throw fail(EIO, 'acl', `no rule ${id}`)
    this.#remember(id, rule)
    return rule
  }

  async intern(rule: AclRule): Promise<number> {
    const text = aclText(rule)
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    let making = this.#making.get(text)
    if (making === undefined) {
      making = this.#make(rule, text).finally(() => this.#making.delete(text))
      this.#making.set(text, making)
    }
    return making
  }

  async #make(rule: AclRule, text: string): Promise<number> {
    if (this.#clock.monotonicMs() - this.#listedMs > LIST_MAX_AGE_MS) await this.#list()
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = await this.#engine.insertAcl(rule)
    this.#remember(id, rule)
    return id
  }

  async #list(): Promise<void> {
    let after: string | undefined
    do {
      const page = await this.#engine.list({ kind: 'acls' }, { after, limit: PAGE })
      for (const { id, rule } of page.items) this.#remember(id, rule)
      after = page.next
    } while (after !== undefined)
    this.#listedMs = this.#clock.monotonicMs()
  }

  #remember(id: number, rule: AclRule): void {
    this.#rules.set(id, rule)
    const text = aclText(rule)
    if (!this.#ids.has(text)) this.#ids.set(text, id)
  }
}
