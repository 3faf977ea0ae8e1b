/** Secrets that a dump left out of the setting, given back by whoever loads it. */
import type { VolumeSetting } from '#core/meta/setting.ts'
import { wrapSecret } from '#core/meta/setting-secrets.ts'

const NAMES = ['SecretKey', 'SessionToken', 'EncryptKey'] as const
const REMOVED = 'removed'

export type Secrets = Partial<Pick<VolumeSetting, (typeof NAMES)[number]>>

/** The setting with those of its secrets that were removed and that `plain` has, wrapped as the others are. */
export function withSecrets(setting: VolumeSetting, plain: Secrets): VolumeSetting {
  const given: Record<string, string> = {}
  for (const name of NAMES) {
    const secret = plain[name]
    if (setting[name] !== REMOVED || !secret) continue
    given[name] = setting.KeyEncrypted === true ? wrapSecret(secret, setting) : secret
  }
  return { ...setting, ...given }
}

/** Names of the secrets that are not there. */
export function missingSecrets(setting: VolumeSetting): readonly string[] {
  return NAMES.filter((name) => setting[name] === REMOVED)
}
