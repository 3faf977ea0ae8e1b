import type { SystemService } from '#core/api/services.ts'
import type { AppSettings } from '#core/api/settings.ts'
import type { World } from './world.ts'

const GIB = 2 ** 30

export function fakeSystem(world: World): SystemService {
  let settings: AppSettings = {
    theme: 'system',
    language: 'en',
    startAtLogin: false,
    mountFolder: '/home/ines/Volumes',
    cacheDir: null,
    cacheBytes: 100 * GIB,
    freeSpaceRatio: 0.1,
    uploadMbps: 0,
    downloadMbps: 0,
    notifications: {},
    updateChannel: 'release',
  }
  return {
    about: () => ({
      api: 1,
      version: '0.1.0',
      clientVersion: '1.3.0',
      node: 'v24.21.0',
      platform: 'linux x64, kernel 6.18',
      hostname: 'ines-laptop',
      user: 'ines',
      daemonPid: 3991,
      startedMs: Date.now() - 86_400_000,
      stateDir: '/home/ines/.local/state/pomelo',
      logFile: '/home/ines/.local/state/pomelo/daemon.log',
      secretStore: 'file',
      mountObstacle: null,
      safeToShutDown: [...world.volumes.values()].every(({ volume }) => volume.safeToShutDown),
      startsAtLogin: settings.startAtLogin ? 'systemd' : 'no',
      rssBytes: 84 * 2 ** 20,
    }),
    settings: () => settings,
    async changeSettings(change) {
      settings = { ...settings, ...change }
      return settings
    },
    async cache() {
      const volumes = [...world.volumes.values()].slice(0, 60)
      return {
        dir: settings.cacheDir ?? '/home/ines/.cache/pomelo',
        limitBytes: settings.cacheBytes,
        reserveBytes: 51 * GIB,
        diskBytes: 512 * GIB,
        diskFreeBytes: 214 * GIB,
        volumes: volumes.map(({ volume: { id, name, usage, pending } }, at) => ({
          id,
          name,
          cachedBytes: Math.min(38 * GIB, (usage?.usedBytes ?? 0) * 0.05) / (at + 1),
          pinnedBytes: at === 0 ? 3 * GIB : 0,
          stagedBytes: pending.bytes,
        })),
      }
    },
    diagnostics: async () => ({ url: '#', name: 'pomelo-diagnostics.tar.gz', size: 412_000 }),
    apiSessions: () => [
      {
        sessionId: 's1',
        sinceMs: Date.now() - 3_600_000,
        lastMs: Date.now(),
        label: 'This window',
        isThis: true,
      },
      {
        sessionId: 's2',
        sinceMs: Date.now() - 7_200_000,
        lastMs: Date.now() - 60_000,
        label: 'pomelo ui, Chromium',
        isThis: false,
      },
    ],
    address: () => ({ url: 'http://127.0.0.1:9567/#code=fake' }),
    protectSecrets: () => undefined,
    logout: () => undefined,
    stop: () => undefined,
  }
}
