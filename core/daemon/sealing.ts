/** A text under a key of 256 bits: AES-256-GCM, a nonce for each time. */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { secureBytes } from '#core/base/random.ts'

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Ties what is sealed to what it is for. */
const PURPOSE = Buffer.from('pomelo secrets 1')

/** Base64 of nonce, sealed text and tag. */
export function seal(key: Uint8Array, text: string): string {
  const nonce = secureBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(PURPOSE)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64')
}

/** Undefined: another key, or not what was sealed. */
export function unseal(key: Uint8Array, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES)).setAAD(PURPOSE)
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
