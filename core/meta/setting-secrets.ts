/**
 * The secrets of a setting as stored: SecretKey, SessionToken and EncryptKey, each AES-128-GCM under a key made
 * from the volume's UUID. Hides them from a glance, not from who can read the setting.
 * Source: shared/spec/volume-and-objects.md §1.6.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { secureBytes } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { VolumeSetting } from './setting.ts'

const SECRETS = ['SecretKey', 'SessionToken', 'EncryptKey'] as const
const REMOVED = 'removed'
const NONCE = 12
const TAG = 16

/** The setting with its secrets wrapped and `KeyEncrypted` set; as it is when they are, or there are none. */
export function wrapSecrets(setting: VolumeSetting): VolumeSetting {
  if (setting.KeyEncrypted === true || SECRETS.every((name) => !setting[name])) return setting
  return { ...mapSecrets(setting, (plain) => wrapSecret(plain, setting)), KeyEncrypted: true }
}

/** The setting with plain secrets and without `KeyEncrypted`. Throws Refusal when one cannot be read. */
export function unwrapSecrets(setting: VolumeSetting): VolumeSetting {
  if (setting.KeyEncrypted !== true) return setting
  return { ...mapSecrets(setting, (text, name) => unwrapSecret(text, name, setting)), KeyEncrypted: false }
}

/** The setting as it may be shown: each secret replaced by the word `removed`. */
export function publicSetting(setting: VolumeSetting): VolumeSetting {
  return mapSecrets(setting, () => REMOVED)
}

/** One secret as stored: base64 of nonce, ciphertext and tag. Only tests give a nonce. */
export function wrapSecret(
  plain: string,
  setting: VolumeSetting,
  nonce: Uint8Array = secureBytes(NONCE),
): string {
  const cipher = createCipheriv('aes-128-gcm', keyOf(setting), nonce)
  const parts = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(parts).toString('base64')
}

function mapSecrets(setting: VolumeSetting, map: (text: string, name: string) => string): VolumeSetting {
  const changed: Record<string, string> = {}
  for (const name of SECRETS) if (setting[name]) changed[name] = map(setting[name], name)
  return { ...setting, ...changed }
}

function unwrapSecret(text: string, name: string, setting: VolumeSetting): string {
  if (text === REMOVED) {
    throw new Refusal(
      `the ${name} of volume ${setting.Name} was removed when its metadata were dumped`,
      'set it again with the config command',
    )
  }
  const key = keyOf(setting)
  try {
    const bytes = base64Bytes(text)
    const decipher = createDecipheriv('aes-128-gcm', key, bytes.subarray(0, NONCE))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
    return (
      decipher.update(bytes.subarray(NONCE, bytes.length - TAG), undefined, 'utf8') + decipher.final('utf8')
    )
  } catch {
    throw new Refusal(
      `the ${name} in the setting of volume ${setting.Name} cannot be read`,
      'set it again with the config command',
    )
  }
}

/** Buffer.from ignores what is not base64; here that is damage. */
function base64Bytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length < NONCE + TAG || bytes.toString('base64') !== text) throw new Error('not a wrapped secret')
  return bytes
}

function keyOf(setting: VolumeSetting): Buffer {
  if (setting.EncryptAlgo === 'sm4gcm') {
    throw new Refusal(
      `volume ${setting.Name} has EncryptAlgo "sm4gcm", which this client does not have`,
      'mount it with the reference client',
    )
  }
  return createHash('md5').update(setting.UUID).digest()
}
