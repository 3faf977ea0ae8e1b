/** The steps of the wizard and what each needs before the next may begin. */
import type { BucketAnswer, MetadataAnswer, MountPointAnswer } from '#core/api/probes.ts'
import { capacityOf, type Draft, inodesOf, isName } from './draft.ts'

export const STEPS = ['name', 'metadata', 'data', 'options', 'encryption', 'mount', 'summary'] as const
export type Step = (typeof STEPS)[number]

/** What the tests of addresses say; undefined while they run. */
export interface Answers {
  readonly metadata: MetadataAnswer | undefined
  readonly bucket: BucketAnswer | undefined
  readonly mountPoint: MountPointAnswer | undefined
}

/** Whether a step's questions are answered well enough to go on. */
export function isAnswered(step: Step, draft: Draft, { metadata, bucket, mountPoint }: Answers): boolean {
  switch (step) {
    case 'name':
      return isName(draft.name)
    case 'metadata':
      return metadata?.ok === true && metadata.volume === null
    case 'data':
      return bucket?.ok === true && bucket.isFree !== false
    case 'options':
      return capacityOf(draft) !== undefined && inodesOf(draft) !== undefined
    case 'encryption':
      return !draft.encrypt || draft.keyProven
    case 'mount':
      return mountPoint?.ok === true
    case 'summary':
      return STEPS.every(
        (each) => each === 'summary' || isAnswered(each, draft, { metadata, bucket, mountPoint }),
      )
  }
}

/** The furthest step that may be opened: all before it are answered. */
export function furthest(draft: Draft, answers: Answers): number {
  const open = STEPS.findIndex((step) => !isAnswered(step, draft, answers))
  return open < 0 ? STEPS.length - 1 : open
}
