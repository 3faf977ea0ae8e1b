/**
 * `doctor`: measures what a volume rests on and says what its users will feel. Gathers the findings of the metadata
 * server, the bucket and this machine; changes nothing, and takes its trial objects out of the bucket again.
 */
import { type Finding, type FindingLevel, worstLevel } from '#core/base/finding.ts'
import type { BucketReport } from './bucket.ts'
import type { MetadataFigures } from './metadata.ts'

export const AREAS = ['metadata', 'bucket', 'machine'] as const
export type Area = (typeof AREAS)[number]

export interface Diagnosis {
  readonly level: FindingLevel
  readonly findings: readonly (Finding & { readonly area: Area })[]
  readonly figures: { readonly metadata?: MetadataFigures; readonly bucket?: BucketReport['figures'] }
}

/** What each area found, as one. An area that was not looked at has no findings. */
export function diagnosisOf(
  found: Readonly<Record<Area, readonly Finding[]>>,
  figures: Diagnosis['figures'],
): Diagnosis {
  const findings = AREAS.flatMap((area) => found[area].map((finding) => ({ area, ...finding })))
  return { level: worstLevel(findings), findings, figures }
}
