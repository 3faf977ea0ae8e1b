/** The daemon itself: about it, its settings, its sessions. */
import { existsSync } from 'node:fs'
import { readdir, statfs } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import type { Download } from '#core/api/files.ts'
import { ApiRefusal } from '#core/api/server-errors.ts'
import type { Caller, SystemService } from '#core/api/services.ts'
import {
  type About,
  API_VERSION,
  type ApiSession,
  type AppSettings,
  type CacheOverview,
  type SettingsChange,
} from '#core/api/settings.ts'
import { CLIENT_VERSION, POMELO_VERSION } from '#core/base/version.ts'
import { defaultCacheDir } from '#core/volume/volume-options.ts'
import { atLogin, startAtLogin } from '../at-login.ts'
import { daemonCommands } from '../connect.ts'
import type { Daemon } from '../daemon.ts'
import { diagnosticsBundle } from '../diagnostics.ts'
import { nearestFolder } from '../disk-watch.ts'

const CODE_SESSION = 'local'
/** An answer is on its way by then. */
const ANSWER_MS = 20

export class System implements SystemService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  about(): About {
    const { places, startedMs, secrets, services } = this.#daemon
    return {
      api: API_VERSION,
      version: POMELO_VERSION,
      clientVersion: CLIENT_VERSION,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      hostname: hostname(),
      user: userInfo().username,
      daemonPid: process.pid,
      startedMs,
      stateDir: places.stateDir,
      logFile: places.log,
      secretStore: secrets.kind,
      mountObstacle: mountObstacle(),
      safeToShutDown: services.volumes.list().every(({ safeToShutDown }) => safeToShutDown),
      startsAtLogin: atLogin(),
      rssBytes: process.memoryUsage.rss(),
    }
  }

  settings(): AppSettings {
    return this.#daemon.settings.now
  }

  async changeSettings(change: SettingsChange): Promise<AppSettings> {
    if (change.startAtLogin !== undefined) await startAtLogin(change.startAtLogin, daemonCommands())
    const next = this.#daemon.settings.change(change)
    if (change.uploadMbps !== undefined || change.downloadMbps !== undefined) {
      await Promise.all(this.#daemon.profiles.list().map(({ id }) => this.#daemon.applyLimits(id)))
    }
    return next
  }

  async cache(): Promise<CacheOverview> {
    const { settings, services, supervisor } = this.#daemon
    const dir = settings.now.cacheDir ?? defaultCacheDir()
    const disk = await statfs(nearestFolder(dir))
    const diskBytes = disk.blocks * disk.bsize
    const kept = new Set(await readdir(dir).catch(() => []))
    return {
      dir,
      limitBytes: settings.now.cacheBytes,
      reserveBytes: Math.round(diskBytes * settings.now.freeSpaceRatio),
      diskBytes,
      diskFreeBytes: disk.bavail * disk.bsize,
      volumes: services.volumes
        .list()
        .filter(({ uuid }) => uuid !== null && kept.has(uuid))
        .map(({ id, name }) => {
          const { link } = supervisor.get(id)
          return {
            id,
            name,
            cachedBytes: link?.metric('blockcache_bytes') ?? 0,
            pinnedBytes: link?.metric('blockcache_kept_bytes') ?? 0,
            stagedBytes: link?.metric('staging_block_bytes') ?? 0,
          }
        }),
    }
  }

  async diagnostics(_caller: Caller): Promise<Download> {
    const content = diagnosticsBundle(this.#daemon)
    return { url: this.#daemon.tickets.add(content), name: content.name, size: content.size }
  }

  apiSessions({ sessionId }: Caller): readonly ApiSession[] {
    return this.#daemon.sessions.list(sessionId)
  }

  /** Tokens are worthless at once; connections close when the answer is on its way. */
  logout(all: boolean, { sessionId }: Caller): void {
    const { sessions } = this.#daemon
    const ended = all ? sessions.list(sessionId).map((session) => session.sessionId) : [sessionId]
    for (const each of ended) sessions.end(each, ANSWER_MS)
  }

  /** The address of the interface with a fresh code; only tools of this user may ask, over the unix socket. */
  address({ sessionId }: Caller): { readonly url: string } {
    if (sessionId !== CODE_SESSION)
      throw new ApiRefusal('denied', 'only programs of this user may ask for it')
    return { url: `http://127.0.0.1:${this.#daemon.port}/#code=${this.#daemon.sessions.newCode()}` }
  }

  /** Before the computer sleeps: what is written goes out now. */
  power(state: 'suspend' | 'resume'): void {
    if (state !== 'suspend') return
    for (const { link } of this.#daemon.supervisor.runners()) {
      if (link === undefined) continue
      this.#daemon.supervisor.tasks.start('flush before sleep', async () => {
        await link.client.call('flush', {}, { signal: AbortSignal.timeout(10_000) })
      })
    }
  }

  protectSecrets(key: string): void {
    this.#daemon.secrets.protect(Buffer.from(key, 'base64'))
    this.#daemon.supervisor.keysCame()
  }

  stop(): void {
    setTimeout(this.#daemon.onStop, 20).unref()
  }
}

/** Why this computer cannot mount; null when it can. */
function mountObstacle(): string | null {
  if (process.platform !== 'linux') return null
  if (!existsSync('/dev/fuse'))
    return 'There is no /dev/fuse: load the kernel module with `sudo modprobe fuse`.'
  const helpers = ['/usr/bin/fusermount3', '/bin/fusermount3', '/usr/local/bin/fusermount3']
  if (process.getuid?.() !== 0 && !helpers.some((path) => existsSync(path)))
    return 'fusermount3 is missing, which mounts for ordinary users: install the package fuse3.'
  return null
}
