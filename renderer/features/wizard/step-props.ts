import type { BucketAnswer, MetadataAnswer, MountPointAnswer } from '#core/api/probes.ts'
import type { Probe } from '../../api/probes.ts'
import type { Draft, Places } from './draft.ts'

export interface StepProps {
  readonly draft: Draft
  readonly places: Places
  readonly probes: {
    readonly metadata: Probe<MetadataAnswer>
    readonly data: Probe<BucketAnswer>
    readonly mountPoint: Probe<MountPointAnswer>
  }
  readonly onChange: (change: Partial<Draft>) => void
}
