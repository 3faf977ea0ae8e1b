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
  const { header, cipher } = beginSealing(key, dataKey, nonce)
  const sealed = plain.map((part) => cipher.update(part))
  return [header, ...sealed, cipher.final(), cipher.getAuthTag()]
}

/** The same piece by piece. */
export async function* sealStream(
  key: VolumeKey,
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, cipher } = beginSealing(key, secureBytes(KEY_BYTES), secureBytes(NONCE_BYTES))
  yield header
  for await (const piece of plain) yield cipher.update(piece)
  cipher.final()
  yield cipher.getAuthTag()
}

function beginSealing(
  key: VolumeKey,
  dataKey: Uint8Array,
  nonce: Uint8Array,
): { readonly header: Buffer; readonly cipher: CipherGCM } {
  const wrapped = publicEncrypt({ key: key.publicKey, ...OAEP }, dataKey)
  const header = Buffer.concat([Buffer.alloc(PREFIX), wrapped, nonce])
  header.writeUInt16BE(wrapped.length, 0)
  header.writeUInt8(nonce.length, 2)
  // Both have the interface of GCM; the types know only one of the names.
  const cipher = createCipheriv(key.aead as 'aes-256-gcm', dataKey, nonce, {
    authTagLength: TAG_BYTES,
  }) as CipherGCM
  return { header, cipher }
}

/** Errors: BackendError `corrupt` for what this key did not seal, or was changed since. */
export function unseal(key: VolumeKey, sealed: Uint8Array): Buffer {
  const { wrapped, nonce, body } = layout(sealed)
  return vouched(() => {
    const decipher = beginUnsealing(key, wrapped, nonce)
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES))
    const plain = decipher.update(body.subarray(0, body.length - TAG_BYTES))
    decipher.final()
    return plain
  })
}

/**
 * The same piece by piece, in constant memory. Damage may come to light at the end only, as `corrupt` after everything
 * else: what was yielded must not be believed before.
 */
export async function* unsealStream(
  key: VolumeKey,
  sealed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let decipher: DecipherGCM | undefined
  /** What is not deciphered yet: the head while it is not whole, then what may be the tag. */
  let rest = Buffer.alloc(0)
  for await (const piece of sealed) {
    rest = Buffer.concat([rest, piece])
    if (decipher === undefined) {
      if (rest.length < longestHead(rest)) continue
      const { wrapped, nonce, body } = layout(rest)
      decipher = vouched(() => beginUnsealing(key, wrapped, nonce))
      rest = Buffer.from(body)
    }
    if (rest.length <= TAG_BYTES) continue
    yield decipher.update(rest.subarray(0, rest.length - TAG_BYTES))
    rest = rest.subarray(rest.length - TAG_BYTES)
  }
  if (decipher === undefined) layout(rest) // says what is wrong
  vouched(() => {
    decipher!.setAuthTag(rest)
    decipher!.final()
  })
}

/** Up to here an object must be known before its layout is. */
function longestHead(head: Uint8Array): number {
  return head.length < PREFIX ? PREFIX : PREFIX + head[0]! * 256 + head[1]! + head[2]! + TAG_BYTES
}

function beginUnsealing(key: VolumeKey, wrapped: Uint8Array, nonce: Uint8Array): DecipherGCM {
  const dataKey = privateDecrypt({ key: key.privateKey, ...OAEP }, wrapped)
  return createDecipheriv(key.aead as 'aes-256-gcm', dataKey, nonce, {
    authTagLength: TAG_BYTES,
  }) as DecipherGCM
}

function vouched<T>(work: () => T): T {
  try {
    return work()
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
