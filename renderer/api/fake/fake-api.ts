/**
 * The API on invented data, inside the page: the interface without a daemon, for work on its looks and for tests.
 * `?fake=empty|typical|absurd|offline` chooses the world. `window.pomeloFake` lets a test break the connection.
 */
import { createTRPCClient } from '@trpc/client'
import type { AppRouter, ConnectionState } from '#core/api/client.ts'
import type { Services } from '#core/api/services.ts'
import type { PomeloApi } from '../api.ts'
import { Connection } from '../connection.ts'
import { fakeEvents } from './fake-events.ts'
import { fakeFiles } from './fake-files.ts'
import { fakeInspect } from './fake-inspect.ts'
import { fakeMetrics } from './fake-metrics.ts'
import { fakeProbes } from './fake-probes.ts'
import { fakeSystem } from './fake-system.ts'
import { fakeTasks } from './fake-tasks.ts'
import { fakeVolumes } from './fake-volumes.ts'
import { localLink } from './link.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { Tree } from './tree.ts'
import { World } from './world.ts'

declare global {
  interface Window {
    pomeloFake?: { setConnection(state: ConnectionState): void }
  }
}

export function createFakeApi(search: URLSearchParams): PomeloApi {
  const wanted = search.get('fake') as Scenario
  const world = new World(SCENARIOS.includes(wanted) ? wanted : 'typical')
  const trees = new Map<string, Tree>()
  const services: Services = {
    volumes: fakeVolumes(world),
    probes: fakeProbes(world.scenario === 'offline'),
    metrics: fakeMetrics(world),
    events: fakeEvents(world),
    tasks: fakeTasks(world),
    files: fakeFiles(world, trees),
    inspect: fakeInspect(world, trees),
    system: fakeSystem(world),
  }
  const connection = new Connection()
  connection.set('open')
  window.pomeloFake = { setConnection: (state) => connection.set(state) }
  return {
    trpc: createTRPCClient<AppRouter>({ links: [localLink(services)] }),
    connection,
    async upload({ id, path }, body) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      const tree = trees.get(id) ?? new Tree()
      trees.set(id, tree)
      tree.put(path, 'file', body.size)
    },
    address: (url) => url,
  }
}
