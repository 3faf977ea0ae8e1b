/**
 * Answers calls of the API's client from services in this page. Inputs are checked with the schemas of the contract,
 * as the daemon does, so that a test on the fake fails where the daemon would refuse.
 */
import { TRPCClientError, type TRPCLink } from '@trpc/client'
import { observable } from '@trpc/server/observable'
import type { z } from 'zod'
import type { AppRouter } from '#core/api/client.ts'
import { eventsInput } from '#core/api/events.ts'
import * as files from '#core/api/files.ts'
import * as inspect from '#core/api/inspect.ts'
import { historyInput, liveInput } from '#core/api/metrics.ts'
import { bucketProbe, metadataProbe, mountPointProbe } from '#core/api/probes.ts'
import type { Caller, Services } from '#core/api/services.ts'
import { settingsChange } from '#core/api/settings.ts'
import { taskRef, taskSpec, tasksInput } from '#core/api/tasks.ts'
import * as volumes from '#core/api/volumes.ts'

type Handler = (input: unknown, caller: Caller) => unknown

function handlers(services: Services): Readonly<Record<string, Handler>> {
  const { volumes: v, probes, metrics, events, tasks, files: f, inspect: i, system } = services
  const ofVolume = (run: (id: string, caller: Caller) => unknown) =>
    checked(volumes.volumeRef, ({ id }, caller) => run(id, caller))
  return {
    'volumes.list': () => v.list(),
    'volumes.get': ofVolume((id) => v.get(id)),
    'volumes.watch': (_, { signal }) => v.watch(signal),
    'volumes.profile': ofVolume((id) => v.profile(id)),
    'volumes.create': checked(volumes.createInput, (input) => v.create(input)),
    'volumes.connect': checked(volumes.connectInput, (input, caller) => v.connect(input, caller)),
    'volumes.update': checked(volumes.updateInput, (input) => v.update(input)),
    'volumes.remove': checked(volumes.removeInput, (input) => v.remove(input)),
    'volumes.mount': checked(volumes.mountInput, (input, caller) => v.mount(input, caller)),
    'volumes.unmount': checked(volumes.unmountInput, (input, caller) => v.unmount(input, caller)),
    'volumes.cancel': ofVolume((id) => v.cancel(id)),
    'volumes.restart': ofVolume((id) => v.restart(id)),
    'volumes.openFolder': ofVolume((id) => v.openFolder(id)),
    'volumes.exportProfile': ofVolume((id) => v.exportProfile(id)),
    'volumes.importProfile': checked(volumes.teamProfile, (input) => v.importProfile(input)),
    'volumes.format': ofVolume((id, caller) => v.format(id, caller)),
    'volumes.changeFormat': checked(volumes.formatChange, (input, caller) => v.changeFormat(input, caller)),
    'volumes.space': ofVolume((id) => v.space(id)),
    'volumes.sessions': ofVolume((id, caller) => v.sessions(id, caller)),
    'volumes.health': ofVolume((id, caller) => v.health(id, caller)),
    'probes.metadata': checked(metadataProbe, (input, caller) => probes.metadata(input, caller)),
    'probes.bucket': checked(bucketProbe, (input, caller) => probes.bucket(input, caller)),
    'probes.mountPoint': checked(mountPointProbe, (input) => probes.mountPoint(input)),
    'probes.generateKey': () => probes.generateKey(),
    'metrics.live': checked(liveInput, (input, { signal }) => metrics.live(input, signal)),
    'metrics.history': checked(historyInput, (input) => metrics.history(input)),
    'events.list': checked(eventsInput, (input) => events.list(input)),
    'events.watch': (_, { signal }) => events.watch(signal),
    'tasks.list': checked(tasksInput, (input) => tasks.list(input)),
    'tasks.watch': (_, { signal }) => tasks.watch(signal),
    'tasks.start': checked(taskSpec, (input) => tasks.start(input)),
    'tasks.cancel': checked(taskRef, ({ taskId }) => tasks.cancel(taskId)),
    'tasks.pause': checked(taskRef, ({ taskId }) => tasks.pause(taskId)),
    'tasks.resume': checked(taskRef, ({ taskId }) => tasks.resume(taskId)),
    'tasks.retry': checked(taskRef, ({ taskId }) => tasks.retry(taskId)),
    'tasks.clear': () => tasks.clear(),
    'files.list': checked(files.listInput, (input, caller) => f.list(input, caller)),
    'files.stat': checked(files.pathInput, (input, caller) => f.stat(input, caller)),
    'files.blocks': checked(files.pathInput, (input, caller) => f.blocks(input, caller)),
    'files.mkdir': checked(files.mkdirInput, (input, caller) => f.mkdir(input, caller)),
    'files.rename': checked(files.renameInput, (input, caller) => f.rename(input, caller)),
    'files.remove': checked(files.removeFilesInput, (input, caller) => f.remove(input, caller)),
    'files.chmod': checked(files.chmodInput, (input, caller) => f.chmod(input, caller)),
    'files.chown': checked(files.chownInput, (input, caller) => f.chown(input, caller)),
    'files.setXattr': checked(files.setXattrInput, (input, caller) => f.setXattr(input, caller)),
    'files.removeXattr': checked(files.removeXattrInput, (input, caller) => f.removeXattr(input, caller)),
    'files.setAcl': checked(files.setAclInput, (input, caller) => f.setAcl(input, caller)),
    'files.download': checked(files.downloadInput, (input, caller) => f.download(input, caller)),
    'files.trashHours': ofVolume((id, caller) => f.trashHours(id, caller)),
    'files.trashList': checked(files.trashListInput, (input, caller) => f.trashList(input, caller)),
    'files.restore': checked(files.restoreInput, (input, caller) => f.restore(input, caller)),
    'files.cacheEstimate': checked(files.cacheInput, (input, caller) => f.cacheEstimate(input, caller)),
    'files.pins': ofVolume((id, caller) => f.pins(id, caller)),
    'files.unpin': checked(files.unpinInput, (input, caller) => f.unpin(input, caller)),
    'inspect.status': ofVolume((id, caller) => i.status(id, caller)),
    'inspect.object': checked(inspect.inspectObjectInput, (input, caller) => i.object(input, caller)),
    'inspect.file': checked(inspect.inspectFileInput, (input, caller) => i.file(input, caller)),
    'inspect.block': checked(inspect.inspectBlockInput, (input, caller) => i.block(input, caller)),
    'inspect.bucket': checked(inspect.inspectBucketInput, (input, caller) => i.bucket(input, caller)),
    'inspect.folders': checked(inspect.inspectFoldersInput, (input, caller) => i.folders(input, caller)),
    'inspect.space': ofVolume((id, caller) => i.space(id, caller)),
    'inspect.folder': checked(inspect.inspectFolderInput, (input, caller) => i.folder(input, caller)),
    'inspect.health': ofVolume((id, caller) => i.health(id, caller)),
    'inspect.cached': checked(inspect.inspectCachedInput, (input, caller) => i.cached(input, caller)),
    'inspect.unused': checked(inspect.inspectUnusedInput, (input, caller) => i.unused(input, caller)),
    'inspect.duplicates': checked(inspect.inspectDuplicatesInput, (input, caller) =>
      i.duplicates(input, caller),
    ),
    'inspect.trace': checked(inspect.traceInput, (input, caller) => i.trace(input, caller)),
    'system.about': () => system.about(),
    'system.settings': () => system.settings(),
    'system.changeSettings': checked(settingsChange, (input) => system.changeSettings(input)),
    'system.cache': () => system.cache(),
    'system.diagnostics': (_, caller) => system.diagnostics(caller),
    'system.apiSessions': (_, caller) => system.apiSessions(caller),
    'system.logout': (input, caller) => system.logout((input as { all?: boolean }).all ?? false, caller),
    'system.stop': () => system.stop(),
  }
}

function checked<S extends z.ZodType>(
  schema: S,
  run: (input: z.output<S>, caller: Caller) => unknown,
): Handler {
  return (input, caller) => {
    const parsed = schema.safeParse(input)
    if (parsed.success) return run(parsed.data, caller)
    const [issue] = parsed.error.issues
    throw Object.assign(new Error(`${issue?.path.join('.')}: ${issue?.message}`), { data: { kind: 'input' } })
  }
}

/** A link that ends the chain with the services. */
export function localLink(services: Services): TRPCLink<AppRouter> {
  const table = handlers(services)
  return () =>
    ({ op }) =>
      observable((observer) => {
        const stop = new AbortController()
        const caller: Caller = { sessionId: 's1', signal: stop.signal }
        const fail = (cause: unknown) => {
          if (!stop.signal.aborted) observer.error(toClientError(cause))
        }
        async function answer(): Promise<void> {
          const handler = table[op.path]
          if (handler === undefined) throw new Error(`no such procedure: ${op.path}`)
          const result = await handler(op.input, caller)
          if (op.type !== 'subscription') {
            if (stop.signal.aborted) return
            observer.next({ result: { type: 'data', data: result } })
            observer.complete()
            return
          }
          observer.next({ result: { type: 'started' } })
          for await (const data of result as AsyncIterable<unknown>)
            observer.next({ result: { type: 'data', data } })
          observer.complete()
        }
        answer().catch(fail)
        return () => stop.abort()
      })
}

function toClientError(cause: unknown): TRPCClientError<AppRouter> {
  const { message, data } = cause as { message?: string; data?: object }
  const error = { code: -32_000, message: message ?? String(cause), data: data ?? { kind: 'internal' } }
  return TRPCClientError.from({ error } as Parameters<
    typeof TRPCClientError.from
  >[0]) as TRPCClientError<AppRouter>
}
