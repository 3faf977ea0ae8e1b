/** A bundle for a report: one gzipped JSON text, with every address and text redacted. No secret is ever read for it. */
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { redactText } from '#core/base/redact.ts'
import { readMounts } from '#core/volume/mount-table.ts'
import type { Content } from './api/content.ts'
import type { Daemon } from './daemon.ts'

const LOG_TAIL = 256 * 1024
const EVENTS = 500

export function diagnosticsBundle(daemon: Daemon): Content {
  const day = new Date().toISOString().slice(0, 10)
  return {
    name: `pomelo-diagnostics-${day}.json.gz`,
    size: null,
    async *open() {
      yield await promisify(gzip)(redactText(JSON.stringify(await gather(daemon), null, 1)))
    },
  }
}

async function gather(daemon: Daemon): Promise<unknown> {
  const { services, places, profiles, events, supervisor } = daemon
  const mounts = (await readMounts()).filter(({ type }) => type.startsWith('fuse.'))
  return {
    about: { ...services.system.about(), kernel: release() },
    settings: services.system.settings(),
    profiles: profiles.list(),
    volumes: services.volumes.list(),
    numbers: Object.fromEntries(
      [...supervisor.runners()].map(({ host, link }) => [
        host.id,
        Object.fromEntries(link?.numbers()?.metrics ?? []),
      ]),
    ),
    tasks: services.tasks.list({ limit: 100 }),
    events: events.list({ limit: EVENTS }).events,
    mounts,
    logs: { daemon: await tailOf(places.log), volumes: await tailOf(places.volumeLog) },
  }
}

async function tailOf(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.slice(-LOG_TAIL).split('\n')
}
