/**
 * One encrypted object. Source: shared/spec/volume-and-objects.md §5.1.
 *
 *   0   2  K, length of the wrapped data key, big-endian
 *   2   1  N, length of the nonce
 *   3   K  data key, RSA-OAEP (SHA-256, label "keys")
 *   3+K N  nonce
 *   ...    ciphertext, then its 16-byte tag; no associated data
 */
import {
  type CipherGCM,
  constants,
  createCipheriv,
  createDecipheriv,
  type DecipherGCM,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { BackendError } from '#core/base/errno.ts'
import { secureBytes } from '#core/base/random.ts'
import type { VolumeKey } from './volume-key.ts'

const OAEP = {
  padding: constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash: 'sha256',
  oaepLabel: Buffer.from('keys'),
} as const
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PREFIX = 3

/** The parts of the object; data key and nonce are fresh unless given (for tests). */
export function seal(
  key: VolumeKey,
  plain: readonly Uint8Array[],
  dataKey: Uint8Array = secureBytes(KEY_BYTES),
  nonce: Uint8Array = secureBytes(NONCE_BYTES),
): Uint8Array[] {
  const wrapped = publicEncrypt({ key: key.publicKey, ...OAEP }, dataKey)
  const header = Buffer.concat([Buffer.alloc(PREFIX), wrapped, nonce])
  header.writeUInt16BE(wrapped.length, 0)
  header.writeUInt8(nonce.length, 2)
  // Both have the interface of GCM; the types know only one of the names.
  const cipher = createCipheriv(key.aead as 'aes-256-gcm', dataKey, nonce, {
    authTagLength: TAG_BYTES,
  }) as CipherGCM
  const sealed = plain.map((part) => cipher.update(part))
  return [header, ...sealed, cipher.final(), cipher.getAuthTag()]
}

/** Errors: BackendError `corrupt` for what this key did not seal, or was changed since. */
export function unseal(key: VolumeKey, sealed: Uint8Array): Buffer {
  const { wrapped, nonce, body } = layout(sealed)
  try {
    const dataKey = privateDecrypt({ key: key.privateKey, ...OAEP }, wrapped)
    const decipher = createDecipheriv(key.aead as 'aes-256-gcm', dataKey, nonce, {
      authTagLength: TAG_BYTES,
    }) as DecipherGCM
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES))
    const plain = decipher.update(body.subarray(0, body.length - TAG_BYTES))
    decipher.final()
    return plain
  } catch (cause) {
    throw new BackendError('corrupt', 'the object does not decrypt: damaged, or sealed with another key', {
      cause,
    })
  }
}

function layout(sealed: Uint8Array): { wrapped: Uint8Array; nonce: Uint8Array; body: Uint8Array } {
  if (sealed.length < PREFIX)
    throw new BackendError('corrupt', `an encrypted object of ${sealed.length} bytes`)
  const nonceAt = PREFIX + sealed[0]! * 256 + sealed[1]!
  const bodyAt = nonceAt + sealed[2]!
  if (bodyAt + TAG_BYTES > sealed.length) {
    throw new BackendError(
      'corrupt',
      `an encrypted object of ${sealed.length} bytes whose header takes ${bodyAt}`,
    )
  }
  return {
    wrapped: sealed.subarray(PREFIX, nonceAt),
    nonce: sealed.subarray(nonceAt, bodyAt),
    body: sealed.subarray(bodyAt),
  }
}
