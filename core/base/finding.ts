/**
 * What a check has found out, for people: a doctor's findings, a server's settings that will hurt. Made where the
 * knowledge is (an engine, a store, this machine), gathered and printed elsewhere.
 */

/** `note`: good to know; `warning`: it works, and will be felt; `problem`: something will not work, or data are at risk. */
export const FINDING_LEVELS = ['ok', 'note', 'warning', 'problem'] as const
export type FindingLevel = (typeof FINDING_LEVELS)[number]

export interface Finding {
  readonly level: FindingLevel
  /** Kebab-case and stable, for programs: `redis-eviction`, `bucket-delete`. */
  readonly code: string
  /** What is so and what it means for the user, with figures; no secret. */
  readonly sentence: string
  /** What to do about it: a sentence or a command to type. */
  readonly next?: string
}

/** The gravest level among findings; `ok` for none. */
export function worstLevel(findings: readonly Finding[]): FindingLevel {
  return FINDING_LEVELS[Math.max(0, ...findings.map(({ level }) => FINDING_LEVELS.indexOf(level)))]!
}
