/** Dumping a volume, in either format. */
import type { Ino } from '#core/base/ino.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { dumpBinary } from './dump-binary.ts'
import { dumpJson } from './dump-json.ts'
import type { DumpFormat } from './dump-source.ts'
import type { DumpJob, DumpReport } from './report.ts'
import type { Sink } from './sink.ts'

export interface DumpOptions {
  readonly format: DumpFormat
  /** JSON only: the directory to dump as if it were the root. */
  readonly root?: Ino
  /** JSON only. */
  readonly skipTrash?: boolean
  /** Leave the secrets of the setting as they are stored. */
  readonly keepSecrets?: boolean
  /** Requests to the engine at a time. */
  readonly threads?: number
}

/** Throws Refusal, BackendError, and what the sink throws. */
export function dumpVolume(
  engine: MetaEngine,
  options: DumpOptions,
  sink: Sink,
  job: DumpJob = {},
): Promise<DumpReport> {
  return options.format === 'json'
    ? dumpJson(engine, options, sink, job)
    : dumpBinary(engine, options, sink, job)
}
