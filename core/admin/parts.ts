/** What administration works on: an opened volume, seen without its mount. */
import type { Clock } from '#core/base/clock.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import type { Geometry } from '#core/chunk/geometry.ts'
import type { Meta } from '#core/meta/api.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import type { ObjectStore } from '#core/object/store.ts'

export interface AdminParts {
  /** As stored but for its secrets, which are plain. */
  readonly setting: VolumeSetting
  readonly engine: MetaEngine
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly clock: Clock
}

/** How a job of some length is followed and ended. */
export interface Job<P> {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: P) => void
}
