/** Which client this is, to people and to other clients of a volume. */

export const POMELO_VERSION = '0.1.0'

/**
 * The level of the format whose features are implemented here, as the reference counts them: compared with a
 * setting's MinClientVersion and MaxClientVersion, and written into session records (volume-and-objects.md §1.4).
 */
export const CLIENT_VERSION = `1.4.2+pomelo-${POMELO_VERSION}`

interface Version {
  readonly numbers: readonly [number, number, number]
  /** Empty for a release, which is above every pre-release of its number. */
  readonly pre: string
}

/** Undefined when it is no version. Build data after `+` do not count. */
export function parseVersion(text: string): Version | undefined {
  const plus = text.indexOf('+')
  const plain = plus > 0 ? text.slice(0, plus) : text
  const dash = plain.indexOf('-')
  const [head, pre] = dash > 0 ? [plain.slice(0, dash), plain.slice(dash + 1)] : [plain, '']
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(head)
  if (match === null) return undefined
  return { numbers: [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)], pre }
}

/** Negative when `a` is lower. A pre-release is compared as a plain string. */
export function compareVersions(a: Version, b: Version): number {
  for (const at of [0, 1, 2] as const) {
    if (a.numbers[at] !== b.numbers[at]) return a.numbers[at] - b.numbers[at]
  }
  if (a.pre === b.pre) return 0
  if (a.pre === '') return 1
  if (b.pre === '') return -1
  return a.pre < b.pre ? -1 : 1
}
