/**
 * Commands that work on paths, wherever those are named: `META-URL:/path` opens the volume for the moment, a path
 * in a mounted volume is done by the process of that mount, with its caches.
 */
import { Refusal } from '#core/base/refusal.ts'
import { findProcess, mountedPath } from '#core/volume/control-client.ts'
import { parseLocation } from '#core/volume/meta-url.ts'
import { runOperation } from '#core/volume/operations.ts'
import type { VolumeOptions } from '#core/volume/volume-options.ts'
import type { Call } from './command.ts'
import { type TOOL_OPTIONS, toolOptions, Volumes } from './volumes.ts'

/** A place and a way to work on it. */
export interface OperationPlace {
  /** Absolute in the volume. */
  readonly path: string
  /** Equal for places of one volume or mount. */
  readonly volume: string
  /** Where the mount is, when it is one: for messages. */
  readonly mountPoint?: string
  run(
    op: string,
    args: Readonly<Record<string, unknown>>,
    onProgress?: (value: unknown) => void,
  ): Promise<unknown>
}

type ToolCall = Call<typeof TOOL_OPTIONS>

/** The places that `operands` name, for `work`; volumes opened for them are closed after it. */
export async function withPlaces<T>(
  call: ToolCall,
  operands: readonly string[],
  more: VolumeOptions,
  work: (places: readonly OperationPlace[]) => Promise<T>,
): Promise<T> {
  const volumes = new Volumes(call, await toolOptions(call, more))
  let result: T
  try {
    const places: OperationPlace[] = []
    for (const text of operands) places.push(await placeOf(call, volumes, text))
    result = await work(places)
  } catch (error) {
    await volumes.close().catch(() => {})
    throw error
  }
  await volumes.close()
  return result
}

async function placeOf({ signal }: ToolCall, volumes: Volumes, text: string): Promise<OperationPlace> {
  const location = parseLocation(text)
  if (location !== undefined) {
    const { metaUrl, path } = location
    return {
      path: text.endsWith('/') && path !== '/' ? `${path}/` : path,
      volume: metaUrl,
      run: async (op, args, onProgress) =>
        runOperation(await volumes.open(metaUrl), op, args, { signal, onProgress }),
    }
  }
  const found = await mountedPath(text)
  if (found === undefined) {
    throw new Refusal(
      `${text} is not in a mounted volume`,
      'name it as META-URL:/path, or give a path below a mount point',
    )
  }
  const mountPoint = found.mount.path
  const client = await findProcess(mountPoint)
  if (client === undefined) {
    throw new Refusal(
      `the mount at ${mountPoint} is not served by a pomelo process of yours`,
      'name the path as META-URL:/path instead',
    )
  }
  return {
    path: text.endsWith('/') && found.path !== '/' ? `${found.path}/` : found.path,
    volume: mountPoint,
    mountPoint,
    run: (op, args, onProgress) => client.call(op, args, { signal, onProgress }),
  }
}

/** Errors: Refusal when a command on the cache is about none. */
export function mustHaveCache({ given }: Pick<ToolCall, 'given'>, { mountPoint }: OperationPlace): void {
  if (mountPoint === undefined && !given.has('cache-dir'))
    throw new Refusal(
      'without a mount there is no cache to work on',
      'add --cache-dir DIR, or name a path below a mount point',
    )
}

/** Places by volume: requests that take many paths are sent once to each. */
export function byVolume(places: readonly OperationPlace[]): readonly (readonly OperationPlace[])[] {
  const groups = new Map<string, OperationPlace[]>()
  for (const place of places) groups.set(place.volume, [...(groups.get(place.volume) ?? []), place])
  return [...groups.values()]
}
