/** What a check has found out, as the interface shows it. Runs anywhere. */
export { FINDING_LEVELS, type Finding, type FindingLevel, worstLevel } from '#core/base/finding.ts'
