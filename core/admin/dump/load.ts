/** Making a volume of a dump, in an empty place. What comes to nothing leaves the place empty. */
import { BackendError } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { openSource, textOf, type Unseal } from './dump-source.ts'
import { loadBinary } from './load-binary.ts'
import { loadJson } from './load-json.ts'
import { Loading } from './loading.ts'
import type { DumpJob, DumpReport } from './report.ts'
import { withRandomAccess } from './segment-file.ts'

export type LoadReport = DumpReport & { readonly setting: VolumeSetting }

export interface LoadOptions {
  /** What to make of the dumped setting: give it back the secrets that were removed, wrapped. */
  readonly setting?: (dumped: VolumeSetting) => VolumeSetting
  readonly unseal?: Unseal
  /** Slice numbers to leave out after those of the dump: what was given out since it was made. */
  readonly skipSlices?: number
}

/**
 * Throws Refusal when something is there already, or the dump is damaged; BackendError. Until the very end there is no
 * volume in the place: a load that was killed leaves records that no client takes for one.
 */
export async function loadVolume(
  engine: MetaEngine,
  packed: AsyncIterable<Uint8Array>,
  options: LoadOptions = {},
  job: DumpJob = {},
): Promise<LoadReport> {
  const { format, bytes } = await openSource(packed, options.unseal)
  await initialize(engine)
  try {
    const loading = new Loading(engine, job.signal)
    const finish = async (report: LoadReport, counters: Parameters<Loading['finish']>[1]) => {
      const setting = options.setting?.(report.setting) ?? report.setting
      const nextChunk = (counters.nextChunk ?? 0) + (options.skipSlices ?? 0)
      await loading.finish(setting, { ...counters, nextChunk })
      return { ...report, setting }
    }
    if (format === 'json') {
      const { counters, ...report } = await loadJson(loading, textOf(bytes), job)
      return await finish(report, counters)
    }
    return await withRandomAccess(bytes, async (file) => {
      const { counters, ...report } = await loadBinary(loading, file, job)
      return finish(report, counters)
    })
  } catch (error) {
    await engine.destroy().catch(() => {})
    throw error
  }
}

async function initialize(engine: MetaEngine): Promise<void> {
  try {
    await engine.initialize()
  } catch (error) {
    if (!(error instanceof BackendError) || error.kind !== 'invalid') throw error
    throw new Refusal(
      `${engine.address} is not empty: there is a volume in it, or what a load left that was killed`,
      'load into an empty place',
      { cause: error },
    )
  }
}
