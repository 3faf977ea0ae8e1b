/**
 * This client's session: its record, the heartbeat that keeps it alive and re-reads what others may have
 * changed, and the cleaning of sessions whose clients died.
 *
 * Source: shared/spec/meta-records.md §12; fs-semantics.md §9; volume-and-objects.md §1.5.
 */
import { hostname, networkInterfaces } from 'node:os'
import { CLIENT_VERSION } from '#core/base/version.ts'
import { lostLocks } from './ops/locks.ts'
import { deleteSustained } from './ops/sustained.ts'
import { pagesOf } from './ops/walk.ts'
import type { SessionRecord } from './records.ts'
import { parseSetting, type VolumeSetting } from './setting.ts'
import type { MetaState } from './state.ts'

const YEAR_SEC = 365 * 86_400
/** Heartbeats a session may miss. */
const MISSED = 5
/** After so many we no longer count on being alive: expiries are whole seconds, and clocks differ. */
const MISSED_IN_DOUBT = 4
const JITTER = 0.05
/** While the server takes no writes, the heartbeat is what finds out that it does again. */
const REFUSED_SEC = 3
/** Sessions cleaned in one go. */
const MAX_CLEANED = 1000
const PAGE = 1000

export interface SessionEvents {
  /** The reloaded setting differs from the one before. `state.setting` is the new one already. */
  readonly onSetting?: (setting: VolumeSetting, before: VolumeSetting) => void
  /** The volume this client has open is not there any more: stop serving it. */
  readonly onLost?: (reason: string) => void
}

export class Session {
  readonly #state: MetaState
  readonly #info: string
  readonly #events: SessionEvents
  readonly #stopping = new AbortController()
  readonly #began: { readonly sec: number; readonly ms: number }
  /** Sessions of others that had expired at the last beat, and when. */
  #expired: ReadonlyMap<number, number> = new Map()
  #loop: Promise<void> | undefined

  /** `info`: text from `sessionInfo`. */
  constructor(state: MetaState, info: string, events: SessionEvents = {}) {
    this.#state = state
    this.#info = info
    this.#events = events
    this.#began = { sec: state.clock.nowSec(), ms: state.clock.monotonicMs() }
  }

  /**
   * Take a session id and record it (not for read-only clients, nor with `unrecorded`), then begin the
   * heartbeat.
   */
  async open({ unrecorded = false } = {}): Promise<void> {
    const { options, lease, clock } = this.#state
    const openedMs = clock.monotonicMs()
    if (!options.readOnly && !unrecorded) this.#state.sid = await this.#register()
    if (options.heartbeatSec === 0) return
    if (this.#state.sid !== 0) lease.untilMs = openedMs + MISSED_IN_DOUBT * options.heartbeatSec * 1000
    lease.extend = () => this.#extend()
    this.#loop = this.#beat()
  }

  /** Stop the heartbeat, then remove the session with its locks and the files only it kept. */
  async close(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    const { sid } = this.#state
    if (sid === 0) return
    await removeSession(this.#state, sid)
    this.#state.sid = 0
  }

  /** One heartbeat; the loop calls it. Failures are logged: the next beat tries again. */
  async refresh(): Promise<void> {
    const { log } = this.#state
    await this.#state.lease.renew().catch((error: unknown) => log.warn('heartbeat failed', { error }))
    await this.#reloadSetting().catch((error: unknown) => log.warn('volume setting not reloaded', { error }))
    await this.#state.accounts
      .reload()
      .catch((error: unknown) => log.warn('usage and quotas not reloaded', { error }))
    await this.#cleanStale().catch((error: unknown) => log.warn('stale sessions not cleaned', { error }))
  }

  async #register(): Promise<number> {
    const { engine } = this.#state
    for (;;) {
      const sid = await engine.allocate('nextSession', 1)
      const { ok } = await engine.commit(
        'new session',
        [{ kind: 'recordIs', key: { kind: 'session', sid }, is: null }],
        [{ kind: 'putSession', session: this.#record(sid) }],
      )
      if (ok) return sid
    }
  }

  #record(sid: number): SessionRecord {
    const { heartbeatSec } = this.#state.options
    const lifeSec = heartbeatSec > 0 ? MISSED * heartbeatSec : YEAR_SEC
    return { sid, expire: this.#nowSec() + lifeSec, info: this.#info }
  }

  /** Unix seconds that never go back: with a clock that is set back we would look dead to others. */
  #nowSec(): number {
    const { clock } = this.#state
    const { sec, ms } = this.#began
    return Math.max(clock.nowSec(), sec + Math.floor((clock.monotonicMs() - ms) / 1000))
  }

  async #beat(): Promise<void> {
    const { clock, options, random, writes } = this.#state
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const jitter = 1 + (2 * random.next() - 1) * JITTER
      const sec =
        writes.refusal === undefined ? options.heartbeatSec : Math.min(options.heartbeatSec, REFUSED_SEC)
      await clock.sleep(sec * 1000 * jitter, signal).catch(() => {})
      if (!signal.aborted) await this.refresh()
    }
  }

  /** Move the expiry on; the record is made again when another client has cleaned it away meanwhile. */
  async #extend(): Promise<void> {
    const { engine, clock, sid, log, writes, lease, options } = this.#state
    if (sid === 0) return
    const sentMs = clock.monotonicMs()
    const [record] = await engine.read([{ kind: 'session', sid }])
    try {
      await engine.commit('heartbeat', [], [{ kind: 'putSession', session: this.#record(sid) }])
      writes.took()
    } catch (error) {
      writes.failed(error, Date.now())
      throw error
    }
    if (record === null) log.warn('this session had been taken for dead and cleaned', { sid })
    // Whoever began to clean it has dropped the locks first.
    if (record === null || sentMs > lease.untilMs) await this.#reportLostLocks()
    if (options.heartbeatSec > 0) lease.untilMs = sentMs + MISSED_IN_DOUBT * options.heartbeatSec * 1000
  }

  async #reportLostLocks(): Promise<void> {
    const { lease, log } = this.#state
    const inodes = await lostLocks(this.#state)
    if (inodes.size === 0) return
    log.error(
      'locks held through this mount are gone: files under them are EIO until they are unlocked or closed',
      {
        inodes: [...inodes].slice(0, 10).join(' '),
      },
    )
    lease.onLocksLost(inodes)
  }

  async #reloadSetting(): Promise<void> {
    const [text] = await this.#state.engine.read([{ kind: 'setting' }])
    if (text === null) return this.#lost('its metadata are not there any more')
    const setting = parseSetting(text)
    const before = this.#state.setting
    if (setting.UUID !== before.UUID) return this.#lost('another volume is in its place')
    if ((setting.MetaVersion ?? 0) > 1) return this.#lost(`its MetaVersion is ${setting.MetaVersion} now`)
    if (JSON.stringify(setting) === JSON.stringify(before)) return
    this.#state.setting = setting
    this.#events.onSetting?.(setting, before)
  }

  #lost(reason: string): void {
    this.#state.log.error('the volume is gone', { name: this.#state.setting.Name, reason })
    this.#events.onLost?.(reason)
  }

  /**
   * Clean sessions that had expired a heartbeat ago and whose records have not moved since: a record that moves is of a
   * living client, whichever of the two clocks is wrong.
   */
  async #cleanStale(): Promise<void> {
    const { engine, clock, options } = this.#state
    if (options.readOnly || options.noBackgroundJobs) return
    const expired = await expiredSessions(this.#state, this.#nowSec())
    const stale = expired.filter(({ sid, expire }) => this.#expired.get(sid) === expire)
    this.#expired = new Map(expired.map(({ sid, expire }) => [sid, expire]))
    const periodSec = Math.floor(0.9 * options.heartbeatSec)
    if (stale.length > 0 && (await engine.claim('lastCleanupSessions', clock.nowSec(), periodSec)))
      await cleanSessions(this.#state, stale, this.#stopping.signal)
  }
}

/** Clean the sessions that have expired, at most 1000; returns how many. */
export async function cleanStaleSessions(state: MetaState): Promise<number> {
  return cleanSessions(state, await expiredSessions(state, state.clock.nowSec()))
}

/** Those of others, at most 1000. */
async function expiredSessions(state: MetaState, nowSec: number): Promise<readonly SessionRecord[]> {
  const expired: SessionRecord[] = []
  for await (const page of pagesOf(state, { kind: 'sessions' }, PAGE)) {
    expired.push(...page.filter(({ sid, expire }) => expire < nowSec && sid !== state.sid))
    if (expired.length >= MAX_CLEANED) break
  }
  return expired.slice(0, MAX_CLEANED)
}

async function cleanSessions(
  state: MetaState,
  sessions: readonly SessionRecord[],
  signal?: AbortSignal,
): Promise<number> {
  let cleaned = 0
  for (const session of sessions) {
    if (signal?.aborted) break
    try {
      if (await removeSession(state, session.sid, session)) cleaned++
    } catch (error) {
      state.log.warn('a stale session stays until the next try', { sid: session.sid, error })
    }
  }
  return cleaned
}

/**
 * Drop a session's locks, delete the files it kept without a name, then its record. With `expected`, only while
 * the record is exactly that: false when the session has come back to life.
 */
export async function removeSession(
  state: MetaState,
  sid: number,
  expected?: SessionRecord,
): Promise<boolean> {
  const { engine } = state
  const guards = expected ? [{ kind: 'recordIs', key: { kind: 'session', sid }, is: expected } as const] : []
  const unlocked = await engine.commit('clean session', guards, [{ kind: 'delSessionLocks', sid }])
  if (!unlocked.ok) return false
  for await (const inodes of pagesOf(state, { kind: 'sustained', sid }, PAGE))
    for (const ino of inodes) await deleteSustained(state, sid, ino)
  return (await engine.commit('clean session', guards, [{ kind: 'delSession', sid }])).ok
}

/** What stands in a session's record about this client: compact JSON, the same for the session's life. */
export function sessionInfo(mountPoint: string, mounted: Date = new Date()): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
  return JSON.stringify({
    Version: CLIENT_VERSION,
    HostName: hostname(),
    ...(addresses.length > 0 && { IPAddrs: addresses }),
    MountPoint: mountPoint,
    MountTime: mounted.toISOString(),
    ProcessID: process.pid,
  })
}
