/** The SDK's client for one bucket: credentials, region, sockets and time limits. */
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { GetBucketLocationCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { BackendError } from '#core/base/errno.ts'
import type { Environment, S3Address, TlsFiles } from './address.ts'
import { thrownError } from './failure.ts'
import type { GetOptions } from './get-connections.ts'

export interface S3Credentials {
  /** `anonymous`: requests are not signed. Empty: the SDK's default chain. */
  readonly accessKey?: string
  readonly secretKey?: string
  readonly sessionToken?: string
}

/** Milliseconds. Source: volume-and-objects.md §7.1; the whole request is limited by `withRetry`. */
export interface S3Timeouts {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly idleMs: number
}

export const STANDARD_TIMEOUTS: S3Timeouts = { connectMs: 10_000, idleMs: 30_000 }

/** More than `max-uploads` and `max-downloads` together by default; further requests wait in line. */
const MAX_SOCKETS = 256

export function makeClient(
  address: S3Address,
  region: string,
  credentials: S3Credentials,
  timeouts: S3Timeouts,
  env: Environment,
): S3Client {
  const { accessKey, secretKey, sessionToken } = credentials
  const isAnonymous = accessKey === 'anonymous'
  const config: S3ClientConfig = {
    region,
    endpoint: endpointUrl(address, region),
    forcePathStyle: address.pathStyle,
    // All retrying is done by our wrapper, and checksums are the format's own (§6).
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: timeouts.connectMs,
      socketTimeout: timeouts.idleMs,
      ...agents(address, env),
    }),
  }
  if (isAnonymous) {
    config.signer = { sign: async (request) => request }
    config.credentials = { accessKeyId: '', secretAccessKey: '' }
  } else if (accessKey) {
    config.credentials = {
      accessKeyId: accessKey,
      secretAccessKey: secretKey ?? '',
      sessionToken: sessionToken || undefined,
    }
  }
  return new S3Client(config)
}

/** Undefined: what the SDK derives from the region. */
function endpointUrl({ scheme, endpoint }: S3Address, region: string): string | undefined {
  if (endpoint !== undefined) return `${scheme}://${endpoint}`
  const suffix = region.startsWith('cn-') ? '.cn' : ''
  return scheme === 'http' ? `http://s3.${region}.amazonaws.com${suffix}` : undefined
}

/** How objects are got past the SDK's handler; undefined where a proxy may stand between, whose ways Node's agents know. */
export function getOptions(
  address: S3Address,
  timeouts: S3Timeouts,
  env: Environment,
): GetOptions | undefined {
  const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => env[name])
  if (proxies && !isLocal(address)) return undefined
  return { ...timeouts, maxSockets: MAX_SOCKETS, tls: tlsOptions(address.tls) }
}

/** Go's client does not ask a proxy for the machine itself either. */
function isLocal({ endpoint }: S3Address): boolean {
  return /^(localhost|127\.|\[::1\])/.test(endpoint ?? '')
}

function agents(address: S3Address, env: Environment): object {
  const { scheme, tls } = address
  const options = {
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_SOCKETS,
    ...(isLocal(address) ? {} : { proxyEnv: env }),
  }
  if (scheme === 'http') return { httpAgent: new HttpAgent(options) }
  return { httpsAgent: new HttpsAgent({ ...options, ...tlsOptions(tls) }) }
}

function tlsOptions({ skipVerify, ca, cert, key }: TlsFiles): object {
  const file = (path: string | undefined): Buffer | undefined => {
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      throw new BackendError('invalid', `cannot read ${path}, named by the bucket URL`, { cause })
    }
  }
  return { rejectUnauthorized: !skipVerify, ca: file(ca), cert: file(cert), key: file(key) }
}

/** The region of a bare AWS bucket name, by asking where the reference asks (§7.2 rule 3). */
export async function findRegion(
  address: S3Address,
  credentials: S3Credentials,
  timeouts: S3Timeouts,
  env: Environment,
): Promise<string> {
  const candidates = env.AWS_DEFAULT_REGION ? [env.AWS_DEFAULT_REGION] : ['us-east-1', 'cn-north-1']
  let failure: BackendError | undefined
  for (const region of candidates) {
    const client = makeClient(address, region, credentials, timeouts, env)
    try {
      const answer = await client.send(new GetBucketLocationCommand({ Bucket: address.bucket }))
      const location = answer.LocationConstraint as string | undefined
      return location === 'EU' ? 'eu-west-1' : location || 'us-east-1'
    } catch (error) {
      failure = thrownError(`s3: region of bucket ${address.bucket}`, error)
      const name = error instanceof Error ? error.name : ''
      if (name !== 'SignatureDoesNotMatch' && name !== 'InvalidAccessKeyId') throw failure
    } finally {
      client.destroy()
    }
  }
  throw failure
}
