/** A key pair for an encrypted volume, protected with a passphrase that people can write down. */
import { createHash, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { GeneratedKey } from '#core/api/probes.ts'
import { secureBytes } from '#core/base/random.ts'

/** Crockford's base 32: no letter looks like a digit, no word comes out. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const GROUPS = 8
const GROUP = 5

export async function generateKey(): Promise<GeneratedKey> {
  const recoveryKey = newRecoveryKey()
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: recoveryKey },
  })
  const fingerprint = createHash('sha256').update(publicKey).digest('hex').slice(0, 16)
  return { keyPem: privateKey, recoveryKey, fingerprint }
}

/** 8 groups of 5: 200 bits, five to a letter. */
function newRecoveryKey(): string {
  const letters = [...secureBytes(GROUPS * GROUP)].map((byte) => LETTERS[byte & 31])
  return Array.from({ length: GROUPS }, (_, k) => letters.slice(k * GROUP, (k + 1) * GROUP).join('')).join(
    '-',
  )
}
