import type { EventKind, EventLevel, LogEvent } from '#core/api/events.ts'
import type { EventsService } from '#core/api/services.ts'
import { ticks } from './watch.ts'
import type { World } from './world.ts'

const SAID: readonly (readonly [EventLevel, EventKind, string, string?])[] = [
  ['info', 'uploads-done', 'Everything of team-media is uploaded.'],
  ['info', 'mounted', 'team-media is mounted at ~/Volumes/team-media.'],
  [
    'warning',
    'uploads-stuck',
    'The bucket of ci-cache does not answer; 12 MiB wait on this disk.',
    'Nothing to do: they go up by themselves.',
  ],
  [
    'error',
    'mount-failed',
    'render-out: wrong access key (403 from the bucket).',
    'Edit the access key of this volume.',
  ],
  ['info', 'task-done', 'Warm up /projects: 3.4 GiB fetched in 41 s.'],
  [
    'warning',
    'metadata-warning',
    'redis.studio.example evicts keys when its memory is full.',
    'redis-cli config set maxmemory-policy noeviction',
  ],
  ['error', 'crashed', 'The process of lab-raw ended unexpectedly (SIGKILL); it is started again in 4 s.'],
  ['info', 'recovered', 'lab-raw responds again.'],
  ['warning', 'disk-low', 'The disk of the cache has 4.1 GiB left; nothing new is cached below 3.8 GiB.'],
  ['info', 'daemon', 'Pomelo 0.1.0 started and took over 6 mounted volumes.'],
]

export function fakeEvents(world: World): EventsService {
  if (world.scenario !== 'empty') {
    const volumes = [...world.volumes.values()].slice(0, 8)
    for (let at = 0; at < 480; at++) {
      const [level, kind, sentence, next] = SAID[at % SAID.length]!
      const { volume } = volumes[at % volumes.length]!
      world.log(
        { level, kind, volumeId: volume.id, volumeName: volume.name, sentence, next },
        Date.now() - (480 - at) * 37 * 60_000,
      )
    }
  }
  return {
    list({ id, levels, kinds, text, beforeId, limit }) {
      const wanted = text?.toLowerCase()
      const all = world.events.filter(
        (event) =>
          (id === undefined || event.volumeId === id) &&
          (levels === undefined || levels.includes(event.level)) &&
          (kinds === undefined || kinds.includes(event.kind)) &&
          (beforeId === undefined || event.eventId < beforeId) &&
          (wanted === undefined || `${event.volumeName} ${event.sentence}`.toLowerCase().includes(wanted)),
      )
      return { events: all.slice(0, limit), more: all.length > limit }
    },
    async *watch(signal): AsyncGenerator<LogEvent> {
      let last = world.events[0]?.eventId ?? 0
      for await (const _ of ticks(world, signal)) {
        const fresh = world.events.filter(({ eventId }) => eventId > last).reverse()
        last = world.events[0]?.eventId ?? last
        yield* fresh
      }
    },
  }
}
