/**
 * Reads a bucket URL: where the bucket is, in which region, and how requests name it.
 * Source: shared/spec/volume-and-objects.md §7.1 to §7.3.
 */
import { BackendError } from '#core/base/errno.ts'
import { redactUrl } from '#core/base/redact.ts'

export interface S3Address {
  readonly scheme: 'http' | 'https'
  readonly bucket: string
  /** Undefined where it must be asked for (a bare AWS bucket name). */
  readonly region: string | undefined
  /** Host and port of a service that is not AWS; undefined: AWS's endpoint for the region. */
  readonly endpoint: string | undefined
  readonly pathStyle: boolean
  /** False: no CRC-32C metadata, neither written nor checked. */
  readonly checksum: boolean
  readonly tls: TlsFiles
}

export interface TlsFiles {
  readonly skipVerify: boolean
  /** Paths of PEM files; the three come together or not at all. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export type Environment = Readonly<Record<string, string | undefined>>

type Place = Pick<S3Address, 'bucket' | 'region' | 'endpoint'>

/** The `Bucket` of storage `s3`. Errors: BackendError `invalid`. */
export function parseS3Bucket(text: string, env: Environment): S3Address {
  const hasScheme = text.includes('://')
  const scheme = !hasScheme && text.includes('.') && !text.endsWith('.amazonaws.com') ? 'http' : 'https'
  const url = parseUrl(hasScheme ? text : `${scheme}://${text}`, text)
  const path = url.pathname.replace(/^\/+|\/+$/g, '')
  const place = path === '' ? placeInHost(url.host) : placeInPath(url.host, path)
  return finish(url, place, {
    region: place.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION,
    pathStyle: isPathStyle(place.endpoint, env),
    checksum: url.searchParams.get('disable-checksum') !== 'true',
  })
}

/** The `Bucket` of storage `minio`: `[scheme://]host[:port]/[minio/]bucket`. Errors: BackendError `invalid`. */
export function parseMinioBucket(text: string, env: Environment): S3Address {
  const url = parseUrl(text.includes('://') ? text : `http://${text}`, text)
  const elements = url.pathname.split('/').filter((element) => element !== '')
  if (elements[0] === 'minio' && elements.length > 1) elements.shift()
  const bucket = elements[0]
  if (bucket === undefined) throw unreadable(text, 'no bucket after the host')
  const region = url.searchParams.get('region') || env.MINIO_REGION || 'us-east-1'
  const place = { bucket, region, endpoint: url.host }
  return finish(url, place, { region, pathStyle: isPathStyle(url.host, env), checksum: true })
}

function parseUrl(url: string, text: string): URL {
  if (!URL.canParse(url)) throw unreadable(text, 'not a URL')
  const parsed = new URL(url)
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
    throw unreadable(text, 'neither http nor https')
  return parsed
}

function finish(
  url: URL,
  place: Place,
  rest: { region: string | undefined; pathStyle: boolean; checksum: boolean },
): S3Address {
  if (place.bucket === '') throw unreadable(url.href, 'no bucket')
  const query = url.searchParams
  const [ca, cert, key] = [query.get('ca-certs'), query.get('ssl-cert'), query.get('ssl-key')]
  const skipVerify = ['1', 't', 'true'].includes((query.get('tls-insecure-skip-verify') ?? '').toLowerCase())
  const isBareName = place.endpoint === undefined && place.region === undefined
  return {
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    bucket: place.bucket,
    region: isBareName ? undefined : rest.region || 'us-east-1',
    endpoint: place.endpoint,
    pathStyle: rest.pathStyle,
    checksum: rest.checksum,
    tls: ca && cert && key ? { skipVerify, ca, cert, key } : { skipVerify },
  }
}

function placeInPath(host: string, path: string): Place {
  const bucket = decodeURIComponent(path.split('/')[0]!)
  if (host.includes('.amazonaws.com')) return { bucket, region: awsRegion(host), endpoint: undefined }
  return { bucket, region: hostedRegion(host), endpoint: host }
}

function placeInHost(host: string): Place {
  if (!host.includes('.')) return { bucket: host, region: undefined, endpoint: undefined }
  const dot = host.indexOf('.')
  const afterDot = host.slice(dot + 1)
  if (!host.includes('.amazonaws.com')) {
    return { bucket: host.slice(0, dot), region: hostedRegion(afterDot), endpoint: afterDot }
  }
  const privateLink = /\.([a-z0-9-]+)\.vpce\.amazonaws\.com/.exec(host)
  if (privateLink) return { bucket: host.slice(0, dot), region: privateLink[1], endpoint: afterDot }
  const s3 = host.indexOf('.s3')
  if (s3 < 0) throw unreadable(host, 'no .s3 in an AWS host')
  return { bucket: host.slice(0, s3), region: awsRegion(host.slice(s3 + 1)), endpoint: undefined }
}

/** `s3-us-west-2.amazonaws.com` and the like. */
function awsRegion(host: string): string {
  const rest = host.replace(/^s3[-.]/, '').replace(/^dualstack\./, '')
  const region = rest === 'amazonaws.com' ? 'us-east-1' : rest.slice(0, rest.indexOf('.'))
  return region === 'external-1' ? 'us-east-1' : region
}

/** Oracle and OVH name the region in the host. */
function hostedRegion(host: string): string | undefined {
  const oracle = /compat\.objectstorage\.([^.]+)\./.exec(host)
  const ovh = /^s3\.([^.]+)\..*cloud\.ovh\.net$/.exec(host)
  return (oracle ?? ovh)?.[1]
}

function isPathStyle(endpoint: string | undefined, env: Environment): boolean {
  if (endpoint === undefined || /vhcompat/.test(endpoint)) return false
  return ['', '0', 'false'].includes((env.JFS_S3_VHOST_STYLE ?? '').toLowerCase())
}

function unreadable(bucket: string, why: string): BackendError {
  return new BackendError('invalid', `cannot read bucket "${redactUrl(bucket)}": ${why}`)
}
