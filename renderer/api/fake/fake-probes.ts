import type { ProbesService } from '#core/api/services.ts'
import type { EngineKind } from '#core/api/volumes.ts'
import { refusal } from './world.ts'

/** Addresses with `wrong`, `far`, `old` or `absent` in them behave so. */
export function fakeProbes(offline: boolean): ProbesService {
  return {
    async metadata({ metaUrl, password }, { signal }) {
      await pause(300, signal)
      const engine = engineOf(metaUrl)
      const address = metaUrl.replace(/^\w+:\/\//, '').replace(/^[^@]*@/, '')
      const none = { engine, address, roundTripMs: null, findings: [], volume: null }
      if (engine === null)
        return {
          ok: false,
          sentence:
            'This is no metadata address: it begins with sqlite3://, redis://, postgres://, tikv:// or etcd://.',
          ...none,
        }
      if ((offline && engine !== 'sqlite') || metaUrl.includes('absent'))
        return {
          ok: false,
          sentence: `Nothing answers at ${address}.`,
          ...none,
          findings: [
            {
              level: 'problem',
              code: 'connect',
              sentence: 'The connection was refused.',
              next: 'Check the address and that the server runs.',
            },
          ],
        }
      if (metaUrl.includes('wrong') && password !== 'right')
        return {
          ok: false,
          sentence: 'The server refuses the password.',
          ...none,
          findings: [
            {
              level: 'problem',
              code: 'auth',
              sentence: 'WRONGPASS: the password is not the right one.',
              next: 'Enter the password of this server.',
            },
          ],
        }
      const far = metaUrl.includes('far')
      const has = metaUrl.includes('team') || metaUrl.includes('old')
      return {
        ok: true,
        sentence:
          engine === 'sqlite'
            ? 'A new database on this computer, 214 GiB free on its disk.'
            : `Answers in ${far ? '38' : '0.4'} ms, keeps data on disk, 212 MiB of 2 GiB used.`,
        engine,
        address,
        roundTripMs: engine === 'sqlite' ? 0.02 : far ? 38 : 0.4,
        findings: far
          ? [
              {
                level: 'warning',
                code: 'far',
                sentence:
                  'Each change of a file waits at least 38 ms: unpacking 1,000 small files takes about a minute.',
                next: 'Use a server nearer to this computer, or expect this.',
              },
            ]
          : engine === 'redis'
            ? [
                {
                  level: 'warning',
                  code: 'redis-eviction',
                  sentence: 'Evicts keys when its memory is full (allkeys-lru): files would vanish.',
                  next: 'redis-cli config set maxmemory-policy noeviction',
                },
              ]
            : [],
        volume: has
          ? {
              volumeName: 'team-photos',
              uuid: '1f0a5c1e-7b1d-4c08-9f63-2a1e0d6b7c11',
              storage: 's3',
              bucket: 'https://photos.s3.eu-central-1.amazonaws.com',
              blockBytes: 4 * 2 ** 20,
              compression: 'lz4',
              encrypted: metaUrl.includes('crypt'),
              encryptionAlgorithm: null,
              hashPrefix: false,
              shards: 0,
              capacityBytes: 2 ** 40,
              inodes: 0,
              trashDays: 7,
              acl: true,
              dirStats: true,
              minClientVersion: '1.1.0-A',
              maxClientVersion: null,
              uploadMbps: 0,
              downloadMbps: 0,
              usedBytes: 412 * 2 ** 30,
              usedInodes: 81_204,
              sessions: 4,
              needsPassphrase: metaUrl.includes('crypt'),
              hasKeys: !metaUrl.includes('old'),
              knownAs: null,
            }
          : null,
      }
    },
    async bucket({ storage, bucket, secrets }, { signal }) {
      await pause(500, signal)
      const address = bucket.replace(/^https?:\/\//, '')
      const none = { address, putMs: null, getMs: null, deleteMs: null, isFree: null, findings: [] }
      if (offline && storage !== 'file')
        return { ok: false, sentence: `${address} does not answer.`, ...none }
      if (storage !== 'file' && (secrets.accessKey ?? '') === '')
        return { ok: false, sentence: 'The bucket wants an access key.', ...none }
      if (secrets.secretKey === 'wrong')
        return {
          ok: false,
          sentence: 'Wrong access key (403 from the bucket).',
          ...none,
          findings: [
            {
              level: 'problem',
              code: 'denied',
              sentence: 'InvalidAccessKeyId: the key is not known there.',
              next: 'Copy the key again; it belongs to this account and is not switched off.',
            },
          ],
        }
      return storage === 'file'
        ? {
            ok: true,
            sentence: 'The folder can be written; 214 GiB free.',
            ...none,
            putMs: 0.9,
            getMs: 0.1,
            deleteMs: 0.1,
            isFree: true,
          }
        : {
            ok: true,
            sentence: 'Writes a small object in 41 ms, reads it in 18 ms.',
            ...none,
            putMs: 41,
            getMs: 18,
            deleteMs: 22,
            isFree: true,
          }
    },
    async mountPoint({ path }) {
      const ok = path.startsWith('/') || path.startsWith('~')
      return {
        ok,
        path,
        sentence: ok ? 'The folder can be used.' : 'A mount point is an absolute path.',
        findings: [],
      }
    },
    async generateKey() {
      const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
      const random = crypto.getRandomValues(new Uint8Array(40))
      const key = Array.from(random, (byte) => letters[byte % letters.length]).join('')
      return {
        keyPem: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n(fake)\n-----END ENCRYPTED PRIVATE KEY-----\n',
        recoveryKey: key.match(/.{5}/g)!.join('-'),
        fingerprint: '9f86d081884c7d65',
      }
    },
  }
}

export function engineOf(metaUrl: string): EngineKind | null {
  if (metaUrl.startsWith('redis')) return 'redis'
  if (metaUrl.startsWith('postgres')) return 'postgres'
  if (metaUrl.startsWith('tikv')) return 'tikv'
  if (metaUrl.startsWith('etcd')) return 'etcd'
  return metaUrl.startsWith('sqlite') ? 'sqlite' : null
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  if (signal.aborted) throw refusal('cancelled', 'The test was stopped.')
}
