/** TLS settings of a connection from what an address chose. Source: shared/spec/meta-redis.md §1.1. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Refusal } from '#core/base/refusal.ts'
import type { TlsChoices } from './url.ts'

/** Throws Refusal when a named file cannot be read. The certificate's name is that of each connection's host. */
export function tlsOptions(choices: TlsChoices): ConnectionOptions {
  const { certFile, keyFile, caFile, serverName, insecure } = choices
  return {
    rejectUnauthorized: !insecure,
    ...(certFile === undefined ? {} : { cert: read(certFile, 'tls-cert-file') }),
    ...(keyFile === undefined ? {} : { key: read(keyFile, 'tls-key-file') }),
    ...(caFile === undefined ? {} : { ca: read(caFile, 'tls-ca-cert-file') }),
    ...(serverName === undefined ? {} : { servername: serverName }),
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
