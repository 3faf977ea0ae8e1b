/** Worlds to look at: none, some, and absurdly many volumes; servers that do not answer. */
import type { VolumeState, VolumeStatus } from '#core/api/states.ts'
import type { EngineKind, Volume } from '#core/api/volumes.ts'
import type { Load } from './samples.ts'

export const SCENARIOS = ['empty', 'typical', 'absurd', 'offline'] as const
export type Scenario = (typeof SCENARIOS)[number]

export interface FakeVolume {
  volume: Volume
  readonly load: Load
  /** A program keeps this mount busy. */
  readonly held: boolean
}

const MIB = 2 ** 20
const GIB = 2 ** 30

interface Sketch {
  readonly name: string
  readonly state: VolumeState
  readonly line: string
  readonly engine: EngineKind
  readonly metadata: string
  readonly store: string
  readonly used: number
  readonly quota?: number
  readonly inodes: number
  readonly load?: Load
  readonly pending?: { readonly blocks: number; readonly bytes: number; readonly oldestMs: number }
  readonly held?: boolean
  readonly extra?: Partial<VolumeStatus>
  readonly atLogin?: boolean
}

const ACTION: Readonly<Record<VolumeState, VolumeStatus['action']>> = {
  unmounted: 'mount',
  mounting: 'cancel',
  mounted: 'open-folder',
  uploading: 'show-uploads',
  waiting: 'details',
  'read-only': 'details',
  unmounting: 'force',
  failed: 'edit-keys',
  unresponsive: 'restart',
}

const TYPICAL: readonly Sketch[] = [
  {
    name: 'team-media',
    state: 'mounted',
    line: 'All changes are uploaded.',
    engine: 'redis',
    metadata: 'redis.studio.example:6379/1',
    store: 'media-eu.s3.eu-central-1.amazonaws.com',
    used: 812 * GIB,
    quota: 2048 * GIB,
    inodes: 184_220,
    load: 1,
    atLogin: true,
  },
  {
    name: 'scans',
    state: 'uploading',
    line: '11 blocks, 41 MiB still to upload, oldest 12 s.',
    engine: 'postgres',
    metadata: 'pg.lab.example:5432/scans',
    store: 's3.us-west-004.backblazeb2.com/lab-scans',
    used: 96 * GIB,
    inodes: 40_310,
    load: 0.6,
    pending: { blocks: 11, bytes: 41 * MIB, oldestMs: 12_000 },
    atLogin: true,
  },
  {
    name: 'notes',
    state: 'mounted',
    line: 'All changes are uploaded.',
    engine: 'sqlite',
    metadata: '~/.local/share/pomelo/notes.db',
    store: '/home/ines/volume-data/notes',
    used: 3.2 * GIB,
    inodes: 2204,
    load: 0.05,
    held: true,
  },
  {
    name: 'archive-2019',
    state: 'unmounted',
    line: 'Not mounted on this computer.',
    engine: 'postgres',
    metadata: 'pg.studio.example:5432/archive',
    store: '4f1c…e2.r2.cloudflarestorage.com/archive',
    used: 18_400 * GIB,
    quota: 20_480 * GIB,
    inodes: 9_402_118,
  },
  {
    name: 'ci-cache',
    state: 'waiting',
    line: 'The bucket does not answer (since 14:02). Files in cache can be read; 12 MiB wait here safely.',
    engine: 'redis',
    metadata: '10.0.4.12:6379/3',
    store: 'minio.build.example:9000/ci-cache',
    used: 210 * GIB,
    quota: 256 * GIB,
    inodes: 1_204_000,
    load: 0.1,
    pending: { blocks: 3, bytes: 12 * MIB, oldestMs: 340_000 },
    extra: {
      detail: 'connect ETIMEDOUT minio.build.example:9000, 14 attempts since 14:02.',
      next: 'Nothing to do here: uploads go on by themselves when the bucket answers. Check the network or the server.',
    },
  },
  {
    name: 'design',
    state: 'read-only',
    line: 'The metadata server accepts no writes: its memory is full.',
    engine: 'redis',
    metadata: 'redis.studio.example:6379/4',
    store: 'design-files.s3.eu-central-1.wasabisys.com',
    used: 64 * GIB,
    inodes: 71_002,
    load: 0.3,
    extra: {
      detail: 'OOM command not allowed when used memory > maxmemory.',
      next: 'Give the Redis server more memory, or delete files from the trash.',
    },
  },
  {
    name: 'render-out',
    state: 'failed',
    line: 'Wrong access key (403 from the bucket).',
    engine: 'redis',
    metadata: 'redis.studio.example:6379/7',
    store: 'render.s3.eu-central-1.amazonaws.com',
    used: 1200 * GIB,
    inodes: 22_870,
    extra: {
      detail: 'InvalidAccessKeyId: the key AKIA…7Q2M is not known there.',
      next: 'Edit the access key of this volume.',
      attempt: 3,
    },
  },
  {
    name: 'lab-raw',
    state: 'unresponsive',
    line: 'No heartbeat for 20 s.',
    engine: 'postgres',
    metadata: 'pg.lab.example:5432/raw',
    store: 's3.us-west-004.backblazeb2.com/lab-raw',
    used: 440 * GIB,
    inodes: 512_000,
    extra: {
      detail: 'The volume process (pid 40122) does not answer; 7 requests of programs wait.',
      next: 'Restart the mount. Uploaded data are safe.',
    },
  },
]

function toVolume(sketch: Sketch, at: number, nowMs: number): FakeVolume {
  const { name, state, line, engine, metadata, store, used, inodes, load = 0, pending, extra } = sketch
  const id = `v${at}`
  const isUp = !['unmounted', 'failed'].includes(state)
  return {
    load: isUp ? load : 0,
    held: sketch.held ?? false,
    volume: {
      id,
      name,
      volumeName: name.slice(0, 63),
      uuid: `5c1e1f0a-0000-4000-8000-${String(at).padStart(12, '0')}`,
      origin: 'profile',
      status: { state, line, action: ACTION[state], sinceMs: nowMs - 3_600_000 - at * 60_000, ...extra },
      desired: isUp || state === 'failed' ? 'mounted' : 'unmounted',
      mountAtLogin: sketch.atLogin ?? false,
      mountPoint: `/home/ines/Volumes/${name}`,
      engine: { kind: engine, address: metadata },
      store: { kind: store.startsWith('/') ? 'file' : 's3', address: store },
      readOnly: false,
      usage: {
        usedBytes: used,
        capacityBytes: sketch.quota ?? null,
        inodes,
        inodesLimit: null,
        asOfMs: nowMs - 20_000,
      },
      rates: isUp ? { readBps: 0, writeBps: 0, opsPerSec: 0, hitRate: null, metaMs: null } : null,
      pending: { blocks: 0, bytes: 0, oldestMs: null, ...pending },
      safeToShutDown: pending === undefined,
      pid: isUp ? 40_100 + at : null,
      startedMs: isUp ? nowMs - 3_600_000 : null,
    },
  }
}

function absurd(nowMs: number): readonly FakeVolume[] {
  const long = `${'a-very-long-name-of-a-volume-that-somebody-really-made-'.repeat(5)}`.slice(0, 255)
  const many = Array.from({ length: 991 }, (_, at) => {
    const state = (['mounted', 'unmounted', 'uploading', 'mounted', 'waiting', 'failed'] as const)[at % 6]!
    const model = TYPICAL.find((sketch) => sketch.state === state) ?? TYPICAL[0]!
    return {
      ...model,
      name: `project-${at + 1}`,
      used: (at + 1) * 3.3 * GIB,
      inodes: 10_000_000 + at,
      load: (at % 7) / 4,
    }
  })
  return [
    ...TYPICAL,
    { ...TYPICAL[0]!, name: long, used: 9.9 * 2 ** 50, inodes: 10_000_000_000 },
    ...many,
  ].map((sketch, at) => toVolume(sketch, at + 1, nowMs))
}

export function volumesOf(scenario: Scenario, nowMs: number): readonly FakeVolume[] {
  if (scenario === 'empty') return []
  if (scenario === 'absurd') return absurd(nowMs)
  if (scenario === 'typical') return TYPICAL.map((sketch, at) => toVolume(sketch, at + 1, nowMs))
  const waiting = TYPICAL.find(({ state }) => state === 'waiting')!
  return TYPICAL.map((sketch, at) => {
    const remote = sketch.engine !== 'sqlite' && sketch.state !== 'unmounted'
    return toVolume(remote ? { ...sketch, ...pick(waiting), load: 0 } : sketch, at + 1, nowMs)
  })
}

function pick({ state, line, extra, pending }: Sketch): Partial<Sketch> {
  return { state, line, extra, pending }
}
