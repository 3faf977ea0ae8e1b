/** The procedures: inputs checked, services called, errors described. Loaded by the daemon only. */
import { initTRPC } from '@trpc/server'
import { z } from 'zod'
import { eventsInput } from './events.ts'
import {
  cacheInput,
  chmodInput,
  chownInput,
  downloadInput,
  listInput,
  mkdirInput,
  pathInput,
  removeFilesInput,
  removeXattrInput,
  renameInput,
  restoreInput,
  setAclInput,
  setXattrInput,
  trashListInput,
  unpinInput,
} from './files.ts'
import {
  inspectBlockInput,
  inspectBucketInput,
  inspectCachedInput,
  inspectDuplicatesInput,
  inspectFileInput,
  inspectFolderInput,
  inspectFoldersInput,
  inspectObjectInput,
  inspectUnusedInput,
  traceInput,
} from './inspect.ts'
import { historyInput, liveInput } from './metrics.ts'
import { bucketProbe, metadataProbe, mountPointProbe } from './probes.ts'
import { errorData, errorMessage, toApiError } from './server-errors.ts'
import type { Caller, Services } from './services.ts'
import { settingsChange } from './settings.ts'
import { taskRef, taskSpec, tasksInput } from './tasks.ts'
import {
  connectInput,
  createInput,
  formatChange,
  mountInput,
  removeInput,
  teamProfile,
  unmountInput,
  updateInput,
  volumeRef,
} from './volumes.ts'

export interface ApiContext {
  readonly services: Services
  readonly sessionId: string
  /** For the log: a procedure failed by a defect of ours. */
  readonly onDefect: (path: string, error: unknown) => void
}

const t = initTRPC.context<ApiContext>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => ({
    ...shape,
    message: errorMessage(error),
    data: {
      code: shape.data.code,
      httpStatus: shape.data.httpStatus,
      path: shape.data.path,
      ...errorData(error),
    },
  }),
})

const procedure = t.procedure.use(async ({ ctx, next, path }) => {
  const result = await next()
  if (result.ok) return result
  const cause = result.error.cause
  const error = cause === undefined || cause instanceof z.ZodError ? result.error : toApiError(cause)
  if (errorData(error).kind === 'internal') ctx.onDefect(path, cause ?? error)
  return { ...result, error }
})

function caller({ ctx, signal }: { readonly ctx: ApiContext; readonly signal?: AbortSignal }): Caller {
  return { sessionId: ctx.sessionId, signal: signal ?? new AbortController().signal }
}

const volumes = t.router({
  list: procedure.query(({ ctx }) => ctx.services.volumes.list()),
  get: procedure.input(volumeRef).query(({ ctx, input }) => ctx.services.volumes.get(input.id)),
  watch: procedure.subscription(async function* (call) {
    yield* call.ctx.services.volumes.watch(caller(call).signal)
  }),
  profile: procedure.input(volumeRef).query(({ ctx, input }) => ctx.services.volumes.profile(input.id)),
  create: procedure.input(createInput).mutation(({ ctx, input }) => ctx.services.volumes.create(input)),
  connect: procedure
    .input(connectInput)
    .mutation((call) => call.ctx.services.volumes.connect(call.input, caller(call))),
  update: procedure.input(updateInput).mutation(({ ctx, input }) => ctx.services.volumes.update(input)),
  remove: procedure.input(removeInput).mutation(({ ctx, input }) => ctx.services.volumes.remove(input)),
  mount: procedure
    .input(mountInput)
    .mutation((call) => call.ctx.services.volumes.mount(call.input, caller(call))),
  unmount: procedure
    .input(unmountInput)
    .mutation((call) => call.ctx.services.volumes.unmount(call.input, caller(call))),
  restart: procedure.input(volumeRef).mutation(({ ctx, input }) => ctx.services.volumes.restart(input.id)),
  cancel: procedure.input(volumeRef).mutation(({ ctx, input }) => ctx.services.volumes.cancel(input.id)),
  openFolder: procedure
    .input(volumeRef)
    .mutation(({ ctx, input }) => ctx.services.volumes.openFolder(input.id)),
  exportProfile: procedure
    .input(volumeRef)
    .query(({ ctx, input }) => ctx.services.volumes.exportProfile(input.id)),
  importProfile: procedure
    .input(teamProfile)
    .mutation(({ ctx, input }) => ctx.services.volumes.importProfile(input)),
  format: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.volumes.format(call.input.id, caller(call))),
  changeFormat: procedure
    .input(formatChange)
    .mutation((call) => call.ctx.services.volumes.changeFormat(call.input, caller(call))),
  space: procedure.input(volumeRef).query(({ ctx, input }) => ctx.services.volumes.space(input.id)),
  sessions: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.volumes.sessions(call.input.id, caller(call))),
  health: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.volumes.health(call.input.id, caller(call))),
})

const probes = t.router({
  metadata: procedure
    .input(metadataProbe)
    .query((call) => call.ctx.services.probes.metadata(call.input, caller(call))),
  bucket: procedure
    .input(bucketProbe)
    .query((call) => call.ctx.services.probes.bucket(call.input, caller(call))),
  mountPoint: procedure
    .input(mountPointProbe)
    .query(({ ctx, input }) => ctx.services.probes.mountPoint(input)),
  generateKey: procedure.mutation(({ ctx }) => ctx.services.probes.generateKey()),
})

const metrics = t.router({
  live: procedure.input(liveInput).subscription(async function* (call) {
    yield* call.ctx.services.metrics.live(call.input, caller(call).signal)
  }),
  history: procedure.input(historyInput).query(({ ctx, input }) => ctx.services.metrics.history(input)),
})

const events = t.router({
  list: procedure.input(eventsInput).query(({ ctx, input }) => ctx.services.events.list(input)),
  watch: procedure.subscription(async function* (call) {
    yield* call.ctx.services.events.watch(caller(call).signal)
  }),
})

const tasks = t.router({
  list: procedure.input(tasksInput).query(({ ctx, input }) => ctx.services.tasks.list(input)),
  watch: procedure.subscription(async function* (call) {
    yield* call.ctx.services.tasks.watch(caller(call).signal)
  }),
  start: procedure.input(taskSpec).mutation(({ ctx, input }) => ctx.services.tasks.start(input)),
  cancel: procedure.input(taskRef).mutation(({ ctx, input }) => ctx.services.tasks.cancel(input.taskId)),
  pause: procedure.input(taskRef).mutation(({ ctx, input }) => ctx.services.tasks.pause(input.taskId)),
  resume: procedure.input(taskRef).mutation(({ ctx, input }) => ctx.services.tasks.resume(input.taskId)),
  retry: procedure.input(taskRef).mutation(({ ctx, input }) => ctx.services.tasks.retry(input.taskId)),
  clear: procedure.mutation(({ ctx }) => ctx.services.tasks.clear()),
})

const files = t.router({
  list: procedure.input(listInput).query((call) => call.ctx.services.files.list(call.input, caller(call))),
  stat: procedure.input(pathInput).query((call) => call.ctx.services.files.stat(call.input, caller(call))),
  blocks: procedure
    .input(pathInput)
    .query((call) => call.ctx.services.files.blocks(call.input, caller(call))),
  mkdir: procedure
    .input(mkdirInput)
    .mutation((call) => call.ctx.services.files.mkdir(call.input, caller(call))),
  rename: procedure
    .input(renameInput)
    .mutation((call) => call.ctx.services.files.rename(call.input, caller(call))),
  remove: procedure
    .input(removeFilesInput)
    .mutation((call) => call.ctx.services.files.remove(call.input, caller(call))),
  chmod: procedure
    .input(chmodInput)
    .mutation((call) => call.ctx.services.files.chmod(call.input, caller(call))),
  chown: procedure
    .input(chownInput)
    .mutation((call) => call.ctx.services.files.chown(call.input, caller(call))),
  setXattr: procedure
    .input(setXattrInput)
    .mutation((call) => call.ctx.services.files.setXattr(call.input, caller(call))),
  removeXattr: procedure
    .input(removeXattrInput)
    .mutation((call) => call.ctx.services.files.removeXattr(call.input, caller(call))),
  setAcl: procedure
    .input(setAclInput)
    .mutation((call) => call.ctx.services.files.setAcl(call.input, caller(call))),
  download: procedure
    .input(downloadInput)
    .mutation((call) => call.ctx.services.files.download(call.input, caller(call))),
  trashHours: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.files.trashHours(call.input.id, caller(call))),
  trashList: procedure
    .input(trashListInput)
    .query((call) => call.ctx.services.files.trashList(call.input, caller(call))),
  restore: procedure
    .input(restoreInput)
    .mutation((call) => call.ctx.services.files.restore(call.input, caller(call))),
  cacheEstimate: procedure
    .input(cacheInput)
    .query((call) => call.ctx.services.files.cacheEstimate(call.input, caller(call))),
  pins: procedure.input(volumeRef).query((call) => call.ctx.services.files.pins(call.input.id, caller(call))),
  unpin: procedure
    .input(unpinInput)
    .mutation((call) => call.ctx.services.files.unpin(call.input, caller(call))),
})

const inspect = t.router({
  status: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.inspect.status(call.input.id, caller(call))),
  object: procedure
    .input(inspectObjectInput)
    .query((call) => call.ctx.services.inspect.object(call.input, caller(call))),
  file: procedure
    .input(inspectFileInput)
    .query((call) => call.ctx.services.inspect.file(call.input, caller(call))),
  block: procedure
    .input(inspectBlockInput)
    .query((call) => call.ctx.services.inspect.block(call.input, caller(call))),
  bucket: procedure
    .input(inspectBucketInput)
    .query((call) => call.ctx.services.inspect.bucket(call.input, caller(call))),
  folders: procedure
    .input(inspectFoldersInput)
    .query((call) => call.ctx.services.inspect.folders(call.input, caller(call))),
  space: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.inspect.space(call.input.id, caller(call))),
  folder: procedure
    .input(inspectFolderInput)
    .query((call) => call.ctx.services.inspect.folder(call.input, caller(call))),
  health: procedure
    .input(volumeRef)
    .query((call) => call.ctx.services.inspect.health(call.input.id, caller(call))),
  unused: procedure
    .input(inspectUnusedInput)
    .query((call) => call.ctx.services.inspect.unused(call.input, caller(call))),
  cached: procedure
    .input(inspectCachedInput)
    .query((call) => call.ctx.services.inspect.cached(call.input, caller(call))),
  duplicates: procedure
    .input(inspectDuplicatesInput)
    .query((call) => call.ctx.services.inspect.duplicates(call.input, caller(call))),
  trace: procedure.input(traceInput).subscription(async function* (call) {
    yield* call.ctx.services.inspect.trace(call.input, caller(call))
  }),
})

const system = t.router({
  about: procedure.query(({ ctx }) => ctx.services.system.about()),
  settings: procedure.query(({ ctx }) => ctx.services.system.settings()),
  changeSettings: procedure
    .input(settingsChange)
    .mutation(({ ctx, input }) => ctx.services.system.changeSettings(input)),
  cache: procedure.query(({ ctx }) => ctx.services.system.cache()),
  diagnostics: procedure.mutation((call) => call.ctx.services.system.diagnostics(caller(call))),
  apiSessions: procedure.query((call) => call.ctx.services.system.apiSessions(caller(call))),
  logout: procedure
    .input(z.object({ all: z.boolean().default(false) }))
    .mutation((call) => call.ctx.services.system.logout(call.input.all, caller(call))),
  address: procedure.mutation((call) => call.ctx.services.system.address(caller(call))),
  stop: procedure.mutation(({ ctx }) => ctx.services.system.stop()),
  protectSecrets: procedure
    .input(z.object({ key: z.base64().length(44) }))
    .mutation(({ ctx, input }) => ctx.services.system.protectSecrets(input.key)),
  power: procedure
    .input(z.object({ state: z.enum(['suspend', 'resume']) }))
    .mutation(({ ctx, input }) => ctx.services.system.power?.(input.state)),
})

export const router = t.router({ volumes, probes, metrics, events, tasks, files, inspect, system })
export type AppRouter = typeof router
