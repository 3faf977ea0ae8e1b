import type { VolumesService } from '#core/api/services.ts'
import type { MountSettings, Profile, Volume } from '#core/api/volumes.ts'
import { engineOf } from './fake-probes.ts'
import { startCreate } from './fake-tasks.ts'
import { changesOf } from './watch.ts'
import { refusal, type World } from './world.ts'

const DAY_MS = 86_400_000

export function fakeVolumes(world: World): VolumesService {
  const settings = new Map<string, MountSettings>()
  const all = () => new Map([...world.volumes].map(([id, { volume }]) => [id, volume]))
  const get = (id: string) => world.find(id).volume

  function profile(id: string): Profile {
    const { name, engine, mountPoint, mountAtLogin } = get(id)
    const scheme = { sqlite: 'sqlite3', redis: 'redis', postgres: 'postgres', tikv: 'tikv', etcd: 'etcd' }[
      engine.kind
    ]
    return {
      id,
      name,
      metaUrl: `${scheme}://${engine.address}`,
      mountPoint,
      mountAtLogin,
      settings: settings.get(id) ?? { writeback: false, cacheBytes: 100 * 2 ** 30 },
      bucket: null,
      secrets: ['accessKey', 'secretKey'],
      createdMs: Date.now() - 90 * DAY_MS,
    }
  }

  function add(name: string, metaUrl: string, mountAtLogin: boolean, mountNow: boolean): Volume {
    const id = `v${world.volumes.size + 1000}`
    const volume: Volume = {
      id,
      name,
      volumeName: name,
      uuid: null,
      origin: 'profile',
      status: {
        state: 'unmounted',
        line: 'Not mounted on this computer.',
        action: 'mount',
        sinceMs: Date.now(),
      },
      desired: 'unmounted',
      mountAtLogin,
      mountPoint: `/home/ines/Volumes/${name}`,
      engine: {
        kind: engineOf(metaUrl) ?? 'sqlite',
        address: metaUrl.replace(/^\w+:\/\//, ''),
      },
      store: null,
      readOnly: false,
      usage: null,
      rates: null,
      pending: { blocks: 0, bytes: 0, oldestMs: null },
      safeToShutDown: true,
      pid: null,
      startedMs: null,
    }
    world.volumes.set(id, { volume, load: 0.5, held: false })
    return mountNow ? world.mount(id) : world.change(id, {})
  }

  return {
    list: () => [...all().values()],
    get,
    async *watch(signal) {
      for await (const { kind, items, ...rest } of changesOf(world, signal, all))
        yield kind === 'all'
          ? { kind, volumes: items }
          : { kind, volumes: items, removed: 'removed' in rest ? rest.removed : [] }
    },
    profile,
    create: async ({ format, name, mountAtLogin, mountNow }) =>
      startCreate(world, name ?? format.volumeName, () =>
        add(name ?? format.volumeName, format.metaUrl, mountAtLogin, mountNow),
      ),
    connect: async ({ name, metaUrl, mountAtLogin, mountNow }) =>
      add(name ?? 'team-photos', metaUrl, mountAtLogin, mountNow),
    async update({ id, name, mountPoint, mountAtLogin, settings: changed }) {
      if (changed !== undefined) settings.set(id, { ...settings.get(id), ...changed })
      const now = get(id)
      return world.change(id, {
        name: name ?? now.name,
        mountPoint: mountPoint ?? now.mountPoint,
        mountAtLogin: mountAtLogin ?? now.mountAtLogin,
      })
    },
    async remove({ id, confirm }) {
      const { name } = get(id)
      if (confirm !== name) throw refusal('input', 'The name does not match.', `Type ${name}.`)
      world.volumes.delete(id)
      world.log({
        level: 'info',
        kind: 'profile',
        volumeId: id,
        volumeName: name,
        sentence: `${name} was removed from this computer.`,
      })
    },
    mount: async ({ id }) => world.mount(id),
    unmount: async ({ id, how }) => world.unmount(id, how),
    restart: async (id) => world.mount(id),
    async cancel(id) {
      const up = get(id).status.state === 'unmounting'
      return world.change(id, {
        desired: up ? 'mounted' : 'unmounted',
        status: {
          state: up ? 'mounted' : 'unmounted',
          line: up ? 'All changes are uploaded.' : 'Not mounted on this computer.',
          action: up ? 'open-folder' : 'mount',
          sinceMs: Date.now(),
        },
      })
    },
    openFolder: async () => undefined,
    exportProfile(id) {
      const { name, metaUrl } = profile(id)
      return {
        pomeloProfile: 1,
        name,
        metaUrl,
        bucket: null,
        settings: {},
        needs: ['accessKey', 'secretKey'],
      }
    },
    importProfile: async ({ name, metaUrl }) => add(name, metaUrl, false, false),
    async format(id) {
      const { volumeName, store, usage } = get(id)
      return {
        volumeName: volumeName ?? 'unknown',
        uuid: '5c1e1f0a-7b1d-4c08-9f63-2a1e0d6b7c11',
        storage: store?.kind ?? 's3',
        bucket: store?.address ?? '',
        blockBytes: 4 * 2 ** 20,
        compression: 'lz4',
        encrypted: false,
        encryptionAlgorithm: null,
        hashPrefix: false,
        shards: 0,
        capacityBytes: usage?.capacityBytes ?? 0,
        inodes: 0,
        trashDays: 1,
        acl: true,
        dirStats: true,
        minClientVersion: '1.1.0-A',
        maxClientVersion: null,
        uploadMbps: 0,
        downloadMbps: 0,
      }
    },
    changeFormat: async (change) =>
      Object.keys(change)
        .filter((key) => key !== 'id')
        .map((key) => `${key} was changed`),
    space(id) {
      const used = get(id).usage?.usedBytes ?? 0
      return {
        asOfMs: Date.now() - 70_000,
        liveBytes: used,
        trashBytes: used * 0.062,
        pendingDeleteBytes: used * 0.008,
        supersededBytes: used * 0.031,
        leakedBytes: id === 'v1' ? null : used * 0.002,
      }
    },
    async sessions(id) {
      const { mountPoint } = get(id)
      const hosts = ['ines-laptop', 'render-01', 'render-02', 'studio-mac', 'ci-runner-7']
      return hosts.map((host, at) => ({
        sid: String(411 + at * 7),
        host,
        addresses: [`10.0.4.${20 + at}`],
        mountPoint: at === 0 ? mountPoint : `/mnt/${get(id).name}`,
        version: at === 0 ? 'pomelo 0.1.0' : at === 3 ? '1.2.0+2024-06-18' : '1.3.0+2025-07-01',
        pid: 4000 + at * 311,
        sinceMs: Date.now() - (at + 1) * 0.7 * DAY_MS,
        expiresMs: Date.now() + (at === 4 ? -400_000 : 50_000),
        stale: at === 4,
        isThisComputer: at === 0,
        isThisMount: at === 0,
      }))
    },
    async health(id) {
      const { engine, usage } = get(id)
      const isRedis = engine.kind === 'redis'
      if (world.scenario === 'offline' && engine.kind !== 'sqlite')
        throw refusal(
          'unavailable',
          `${engine.address} does not answer: connect ETIMEDOUT after 5 s.`,
          'Check the network, then try again.',
        )
      return {
        atMs: Date.now(),
        engine: engine.kind,
        address: engine.address,
        roundTripMs: engine.kind === 'sqlite' ? 0.02 : 0.41,
        usedBytes: (usage?.inodes ?? 0) * 310,
        limitBytes: isRedis ? 2 * 2 ** 30 : null,
        bytesPerInode: 310,
        forecast: isRedis
          ? { sentence: 'Redis full in about 40 days at this rate.', fullAtMs: Date.now() + 40 * DAY_MS }
          : null,
        lastBackupMs: Date.now() - 3_400_000,
        findings: isRedis
          ? [
              {
                level: 'ok',
                code: 'redis-persistence',
                sentence: 'Keeps data on disk: append-only file, synced every second.',
              },
              {
                level: 'warning',
                code: 'redis-eviction',
                sentence: 'Evicts keys when its memory is full (allkeys-lru): files would vanish.',
                next: 'redis-cli config set maxmemory-policy noeviction',
              },
            ]
          : [{ level: 'ok', code: 'wal', sentence: 'Writes are kept in a log before they are answered.' }],
      }
    },
  }
}
