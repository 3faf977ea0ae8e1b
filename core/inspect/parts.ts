/** What the inspector works on. */
import type { AdminParts } from '#core/admin/parts.ts'
import type { VolumeIndex } from './volume-index.ts'

export interface InspectParts extends AdminParts {
  readonly index: VolumeIndex
}
