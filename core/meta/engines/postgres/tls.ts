/** TLS settings for the driver from what an address chose. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Refusal } from '#core/base/refusal.ts'
import type { TlsChoices } from './url.ts'

/** Whether a connection begins with TLS, and whether one without it (or with, for `allow`) may follow a refusal. */
export function tlsAttempts({ mode }: TlsChoices): readonly boolean[] {
  if (mode === 'disable') return [false]
  if (mode === 'allow') return [false, true]
  return mode === 'prefer' ? [true, false] : [true]
}

/** Throws Refusal when a named file cannot be read. */
export function tlsOptions({ mode, rootCert, cert, key }: TlsChoices): ConnectionOptions {
  const verified = mode === 'verify-ca' || mode === 'verify-full'
  return {
    rejectUnauthorized: verified,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(rootCert === undefined || rootCert === 'system' ? {} : { ca: read(rootCert, 'sslrootcert') }),
    ...(cert === undefined ? {} : { cert: read(cert, 'sslcert') }),
    ...(key === undefined ? {} : { key: read(key, 'sslkey') }),
  }
}

function read(path: string, option: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Refusal(`${path} (${option}) cannot be read`, 'check its path and permissions', {
      cause: error,
    })
  }
}
