/** Volumes opened by a command, without any mount: each once, closed at the end. */
import { lineLog } from '#core/base/log.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { openVolume, type Volume } from '#core/volume/open-volume.ts'
import type { VolumeOptions } from '#core/volume/volume-options.ts'
import type { Call } from './command.ts'
import { STORAGE_OPTIONS, storageOptions } from './mount-options.ts'
import { secretFromFile } from './secrets.ts'

/** Options of commands that read or write data without a mount. */
export const TOOL_OPTIONS = {
  storage: STORAGE_OPTIONS.storage,
  bucket: STORAGE_OPTIONS.bucket,
  'access-key': STORAGE_OPTIONS['access-key'],
  'secret-key': STORAGE_OPTIONS['secret-key'],
  'secret-key-file': STORAGE_OPTIONS['secret-key-file'],
  'session-token': STORAGE_OPTIONS['session-token'],
  'storage-class': { ...STORAGE_OPTIONS['storage-class'], hidden: true },
  tag: STORAGE_OPTIONS.tag,
  'get-timeout': { ...STORAGE_OPTIONS['get-timeout'], hidden: true },
  'put-timeout': { ...STORAGE_OPTIONS['put-timeout'], hidden: true },
  'io-retries': STORAGE_OPTIONS['io-retries'],
  'max-uploads': { ...STORAGE_OPTIONS['max-uploads'], hidden: true },
  'max-downloads': { ...STORAGE_OPTIONS['max-downloads'], hidden: true },
  'max-deletes': { ...STORAGE_OPTIONS['max-deletes'], hidden: true },
  'upload-limit': STORAGE_OPTIONS['upload-limit'],
  'download-limit': STORAGE_OPTIONS['download-limit'],
  'buffer-size': { ...STORAGE_OPTIONS['buffer-size'], hidden: true },
  'cache-dir': { ...STORAGE_OPTIONS['cache-dir'], help: 'use this disk cache; without, none' },
  'cache-size': { ...STORAGE_OPTIONS['cache-size'], hidden: true },
} as const

type ToolCall = Call<typeof TOOL_OPTIONS>

/** What the options of a tool say. Jobs of the volume are left to mounts. */
export async function toolOptions(
  { options, env, given }: ToolCall,
  more: VolumeOptions = {},
): Promise<VolumeOptions> {
  const stored = storageOptions(options, env, await secretFromFile(options['secret-key-file']))
  const cacheDirs = given.has('cache-dir') ? stored.cacheDirs : []
  return { ...stored, cacheDirs, noBackgroundJobs: true, unrecorded: true, ...more }
}

export class Volumes {
  readonly #call: ToolCall
  readonly #options: VolumeOptions
  readonly #opened = new Map<string, Promise<Volume>>()

  constructor(call: ToolCall, options: VolumeOptions) {
    this.#call = call
    this.#options = options
  }

  open(metaUrl: string): Promise<Volume> {
    const url = completeMetaUrl(metaUrl, this.#call.env.META_PASSWORD)
    let opened = this.#opened.get(url)
    if (opened === undefined) {
      opened = openVolume(url, this.#options, { log: toolLog(this.#call) })
      this.#opened.set(url, opened)
    }
    return opened
  }

  /** Everything written is stored when this resolves. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values())
    for (const each of opened) if (each.status === 'fulfilled') await each.value.close()
  }
}

/** Run `work` with volumes at hand, and close them whatever happens. */
export async function withVolumes<T>(
  call: ToolCall,
  more: VolumeOptions,
  work: (volumes: Volumes) => Promise<T>,
): Promise<T> {
  const volumes = new Volumes(call, await toolOptions(call, more))
  let result: T
  try {
    result = await work(volumes)
  } catch (error) {
    await volumes.close().catch(() => {})
    throw error
  }
  await volumes.close()
  return result
}

/** A log for tools: warnings, with `--verbose` everything. */
export function toolLog({ out }: Pick<Call, 'out'>) {
  return lineLog((line) => out.warn(line.replace(/^\S+ \S+ /, '')), out.verbose ? 'debug' : 'warn')
}
