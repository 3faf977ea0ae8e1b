/**
 * What stands behind the API, as the router calls it: the daemon implements these, one file each. Every method may
 * throw a Refusal, FsError or BackendError; the router turns them into the errors of errors.ts.
 */
import type { z } from 'zod'
import type { EventsPage, eventsInput, LogEvent } from './events.ts'
import type {
  CacheEstimate,
  cacheInput,
  chmodInput,
  chownInput,
  DirectoryPage,
  Download,
  downloadInput,
  FileBlock,
  FileDetails,
  FileEntry,
  listInput,
  mkdirInput,
  PathOutcome,
  Pin,
  pathInput,
  removeFilesInput,
  removeXattrInput,
  renameInput,
  restoreInput,
  setAclInput,
  setXattrInput,
  TrashHour,
  TrashPage,
  trashListInput,
  unpinInput,
} from './files.ts'
import type {
  BlockPreview,
  BucketFolder,
  BucketPage,
  CachedView,
  DuplicatesReport,
  FileMap,
  HealthReport,
  IndexStatus,
  inspectBlockInput,
  inspectBucketInput,
  inspectCachedInput,
  inspectDuplicatesInput,
  inspectFileInput,
  inspectFolderInput,
  inspectFoldersInput,
  inspectObjectInput,
  inspectUnusedInput,
  ObjectAnswer,
  SpaceFolder,
  SpaceView,
  TraceBatch,
  traceInput,
  UnusedKeys,
} from './inspect.ts'
import type { History, historyInput, LiveDetail, liveInput } from './metrics.ts'
import type {
  BucketAnswer,
  bucketProbe,
  GeneratedKey,
  MetadataAnswer,
  MountPointAnswer,
  metadataProbe,
  mountPointProbe,
} from './probes.ts'
import type {
  About,
  ApiSession,
  AppSettings,
  CacheOverview,
  MetadataHealth,
  settingsChange,
} from './settings.ts'
import type { Task, TasksChange, taskSpec, tasksInput } from './tasks.ts'
import type {
  ClientSession,
  connectInput,
  createInput,
  formatChange,
  mountInput,
  Profile,
  removeInput,
  TeamProfile,
  teamProfile,
  unmountInput,
  updateInput,
  Volume,
  VolumeFormat,
  VolumeSpace,
  VolumesChange,
} from './volumes.ts'

type In<T extends z.ZodType> = z.output<T>

/** Who calls, and how long they wait. */
export interface Caller {
  readonly sessionId: string
  /** Aborted when the caller has given up. */
  readonly signal: AbortSignal
}

export interface VolumesService {
  list(): readonly Volume[]
  get(id: string): Volume
  watch(signal: AbortSignal): AsyncIterable<VolumesChange>
  profile(id: string): Profile
  /** Starts a task `create`. */
  create(input: In<typeof createInput>): Promise<Task>
  connect(input: In<typeof connectInput>, caller: Caller): Promise<Volume>
  update(input: In<typeof updateInput>): Promise<Volume>
  remove(input: In<typeof removeInput>): Promise<void>
  mount(input: In<typeof mountInput>, caller: Caller): Promise<Volume>
  unmount(input: In<typeof unmountInput>, caller: Caller): Promise<Volume>
  /** Cuts an unresponsive mount off, ends its process, and mounts again. */
  restart(id: string): Promise<Volume>
  /** Ends a mount or an unmount under way. */
  cancel(id: string): Promise<Volume>
  /** Shows the mounted folder in the desktop's file manager. */
  openFolder(id: string): Promise<void>
  exportProfile(id: string): TeamProfile
  importProfile(profile: In<typeof teamProfile>): Promise<Volume>
  format(id: string, caller: Caller): Promise<VolumeFormat>
  /** Returns what changed, a line each. */
  changeFormat(input: In<typeof formatChange>, caller: Caller): Promise<readonly string[]>
  space(id: string): VolumeSpace | null
  sessions(id: string, caller: Caller): Promise<readonly ClientSession[]>
  health(id: string, caller: Caller): Promise<MetadataHealth>
}

export interface ProbesService {
  metadata(input: In<typeof metadataProbe>, caller: Caller): Promise<MetadataAnswer>
  bucket(input: In<typeof bucketProbe>, caller: Caller): Promise<BucketAnswer>
  mountPoint(input: In<typeof mountPointProbe>): Promise<MountPointAnswer>
  generateKey(): Promise<GeneratedKey>
}

export interface MetricsService {
  live(input: In<typeof liveInput>, signal: AbortSignal): AsyncIterable<LiveDetail>
  history(input: In<typeof historyInput>): History
}

export interface EventsService {
  list(input: In<typeof eventsInput>): EventsPage
  watch(signal: AbortSignal): AsyncIterable<LogEvent>
}

export interface TasksService {
  list(input: In<typeof tasksInput>): readonly Task[]
  watch(signal: AbortSignal): AsyncIterable<TasksChange>
  start(spec: In<typeof taskSpec>): Promise<Task>
  cancel(taskId: string): Promise<Task>
  /** Refused for what has no steps to wait between (`canPause`). */
  pause(taskId: string): Promise<Task>
  resume(taskId: string): Promise<Task>
  /** Starts the same again. */
  retry(taskId: string): Promise<Task>
  /** Forgets those that have ended. */
  clear(): void
}

export interface FilesService {
  list(input: In<typeof listInput>, caller: Caller): Promise<DirectoryPage>
  stat(input: In<typeof pathInput>, caller: Caller): Promise<FileDetails>
  blocks(input: In<typeof pathInput>, caller: Caller): Promise<readonly FileBlock[]>
  mkdir(input: In<typeof mkdirInput>, caller: Caller): Promise<FileEntry>
  rename(input: In<typeof renameInput>, caller: Caller): Promise<FileEntry>
  remove(input: In<typeof removeFilesInput>, caller: Caller): Promise<readonly PathOutcome[]>
  chmod(input: In<typeof chmodInput>, caller: Caller): Promise<FileEntry>
  chown(input: In<typeof chownInput>, caller: Caller): Promise<FileEntry>
  setXattr(input: In<typeof setXattrInput>, caller: Caller): Promise<void>
  removeXattr(input: In<typeof removeXattrInput>, caller: Caller): Promise<void>
  setAcl(input: In<typeof setAclInput>, caller: Caller): Promise<FileEntry>
  download(input: In<typeof downloadInput>, caller: Caller): Promise<Download>
  trashHours(id: string, caller: Caller): Promise<readonly TrashHour[]>
  trashList(input: In<typeof trashListInput>, caller: Caller): Promise<TrashPage>
  restore(input: In<typeof restoreInput>, caller: Caller): Promise<readonly PathOutcome[]>
  cacheEstimate(input: In<typeof cacheInput>, caller: Caller): Promise<CacheEstimate>
  pins(id: string, caller: Caller): Promise<readonly Pin[]>
  unpin(input: In<typeof unpinInput>, caller: Caller): Promise<void>
}

export interface InspectService {
  status(id: string, caller: Caller): Promise<IndexStatus>
  object(input: In<typeof inspectObjectInput>, caller: Caller): Promise<ObjectAnswer>
  file(input: In<typeof inspectFileInput>, caller: Caller): Promise<FileMap>
  block(input: In<typeof inspectBlockInput>, caller: Caller): Promise<BlockPreview>
  bucket(input: In<typeof inspectBucketInput>, caller: Caller): Promise<BucketPage>
  folders(input: In<typeof inspectFoldersInput>, caller: Caller): Promise<readonly BucketFolder[]>
  /** By the last survey (a task); null when there was none. */
  space(id: string, caller: Caller): Promise<SpaceView | null>
  folder(input: In<typeof inspectFolderInput>, caller: Caller): Promise<SpaceFolder | null>
  /** What the last survey found amiss, in the files as they are now; null when there was none, or it was cut off. */
  health(id: string, caller: Caller): Promise<HealthReport | null>
  /** The same of all keys; null as there. Refused for a key that is none. */
  unused(input: In<typeof inspectUnusedInput>, caller: Caller): Promise<UnusedKeys | null>
  /** What of which files this computer has, as of now. */
  cached(input: In<typeof inspectCachedInput>, caller: Caller): Promise<CachedView>
  duplicates(input: In<typeof inspectDuplicatesInput>, caller: Caller): Promise<DuplicatesReport>
  /** Operations of the mount, as long as it is listened to. Refused where the volume is not mounted. */
  trace(input: In<typeof traceInput>, caller: Caller): AsyncIterable<TraceBatch>
}

export interface SystemService {
  about(): About
  settings(): AppSettings
  changeSettings(change: In<typeof settingsChange>): Promise<AppSettings>
  cache(): Promise<CacheOverview>
  /** A bundle for a report: versions, settings, events, logs; no secret in it. */
  diagnostics(caller: Caller): Promise<Download>
  apiSessions(caller: Caller): readonly ApiSession[]
  /** Ends this session; its token is worthless from now on. `all`: every session. */
  logout(all: boolean, caller: Caller): void
  /** Where the interface is, with a single-use code; refused to all but tools of this user (`pomelo ui`). */
  address(caller: Caller): { readonly url: string }
  /** Ends the daemon; mounts go on. */
  stop(): void
  /** The desktop's keychain keeps this key (32 bytes, base64): secrets are sealed with it, or opened by it. */
  protectSecrets(key: string): void
  /** This computer is going to sleep, or is awake again. */
  power?(state: 'suspend' | 'resume'): void
}

export interface Services {
  readonly volumes: VolumesService
  readonly probes: ProbesService
  readonly metrics: MetricsService
  readonly events: EventsService
  readonly tasks: TasksService
  readonly files: FilesService
  readonly inspect: InspectService
  readonly system: SystemService
}
