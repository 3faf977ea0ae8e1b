/** The asymmetric key of an encrypted volume, from the PEM in its setting. Source: volume-and-objects.md §5.2. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { BackendError } from '#core/base/errno.ts'

/** Names as `createCipheriv` has them. */
export type AeadName = 'aes-256-gcm' | 'chacha20-poly1305'

export interface VolumeKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly aead: AeadName
}

export interface EncryptOptions {
  /** Text of the private key's PEM; only its first block is used. */
  readonly keyPem: string
  /** Not needed, and ignored, where the PEM is not protected. */
  readonly passphrase?: string
  /** The setting's `EncryptAlgo`; empty is `aes256gcm-rsa`. */
  readonly algorithm?: string
}

/**
 * Errors: BackendError `denied` for a missing or wrong passphrase, `invalid` for a key or algorithm we do not have.
 */
export function parseVolumeKey({ keyPem, passphrase, algorithm }: EncryptOptions): VolumeKey {
  const aead = aeadOf(algorithm ?? '')
  const pem = /-----BEGIN ([^-\n]+)-----[\s\S]*?-----END \1-----/.exec(keyPem)?.[0]
  if (pem === undefined) throw new BackendError('invalid', 'the encryption key of the volume is no PEM text')
  const isProtected = /^-----BEGIN ENCRYPTED |^Proc-Type: *4, *ENCRYPTED/m.test(pem)
  if (isProtected && !passphrase) {
    throw new BackendError(
      'denied',
      'the encryption key of the volume needs a passphrase: set JFS_RSA_PASSPHRASE',
    )
  }
  const privateKey = readKey(pem, isProtected ? passphrase : undefined)
  if (privateKey.asymmetricKeyType !== 'rsa') {
    const kind = privateKey.asymmetricKeyType ?? 'unknown'
    throw new BackendError(
      'invalid',
      `the encryption key of the volume is of type ${kind}; only RSA is supported`,
    )
  }
  return { privateKey, publicKey: createPublicKey(privateKey), aead }
}

function aeadOf(algorithm: string): AeadName {
  if (algorithm === '' || algorithm === 'aes256gcm-rsa') return 'aes-256-gcm'
  if (algorithm === 'chacha20-rsa') return 'chacha20-poly1305'
  throw new BackendError(
    'invalid',
    `encryption algorithm "${algorithm}" is not supported (aes256gcm-rsa and chacha20-rsa are)`,
  )
}

function readKey(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase })
  } catch (cause) {
    // The cause stays out: some of OpenSSL's texts quote what they read.
    if (passphrase === undefined) {
      const code = cause instanceof Error && 'code' in cause ? `: ${cause.code}` : ''
      throw new BackendError('invalid', `the encryption key of the volume cannot be read${code}`)
    }
    throw new BackendError(
      'denied',
      'the passphrase of the encryption key is wrong: check JFS_RSA_PASSPHRASE',
    )
  }
}
