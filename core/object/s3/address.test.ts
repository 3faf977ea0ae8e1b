import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Environment, parseMinioBucket, parseS3Bucket } from './address.ts'

/** Bucket, scheme, bucket, region, endpoint, path style. Source: volume-and-objects.md §7.2, table. */
const TABLE: readonly [string, string, string, string | undefined, string | undefined, boolean][] = [
  ['https://mybucket.s3.us-east-2.amazonaws.com', 'https', 'mybucket', 'us-east-2', undefined, false],
  ['https://s3.us-east-2.amazonaws.com/mybucket', 'https', 'mybucket', 'us-east-2', undefined, false],
  ['https://mybucket.s3-us-west-2.amazonaws.com', 'https', 'mybucket', 'us-west-2', undefined, false],
  ['https://mybucket.s3.amazonaws.com', 'https', 'mybucket', 'us-east-1', undefined, false],
  [
    'https://mybucket.s3.dualstack.eu-west-1.amazonaws.com',
    'https',
    'mybucket',
    'eu-west-1',
    undefined,
    false,
  ],
  ['https://mybucket.s3.cn-north-1.amazonaws.com.cn', 'https', 'mybucket', 'cn-north-1', undefined, false],
  ['s3.us-east-1.amazonaws.com/mybucket', 'http', 'mybucket', 'us-east-1', undefined, false],
  ['mybucket.s3.us-east-1.amazonaws.com', 'https', 'mybucket', 'us-east-1', undefined, false],
  ['https://s3-external-1.amazonaws.com/mybucket/', 'https', 'mybucket', 'us-east-1', undefined, false],
  ['http://127.0.0.1:9000/jfs', 'http', 'jfs', 'us-east-1', '127.0.0.1:9000', true],
  ['http://127.0.0.1:9000/jfs/deeper/', 'http', 'jfs', 'us-east-1', '127.0.0.1:9000', true],
  ['https://jfs.oss.example.com', 'https', 'jfs', 'us-east-1', 'oss.example.com', true],
  ['jfs.oss.example.com:8080', 'http', 'jfs', 'us-east-1', 'oss.example.com:8080', true],
  ['https://mybucket', 'https', 'mybucket', undefined, undefined, false],
  ['mybucket', 'https', 'mybucket', undefined, undefined, false],
  [
    'https://mybucket.vpce-1a-2b.s3.us-east-2.vpce.amazonaws.com',
    'https',
    'mybucket',
    'us-east-2',
    'vpce-1a-2b.s3.us-east-2.vpce.amazonaws.com',
    true,
  ],
  [
    'https://b.ns.compat.objectstorage.eu-frankfurt-1.oraclecloud.com',
    'https',
    'b',
    'eu-frankfurt-1',
    'ns.compat.objectstorage.eu-frankfurt-1.oraclecloud.com',
    true,
  ],
  ['https://b.s3.gra.io.cloud.ovh.net', 'https', 'b', 'gra', 's3.gra.io.cloud.ovh.net', true],
]

test('bucket URLs of s3 are read as the specification’s table', () => {
  for (const [text, scheme, bucket, region, endpoint, pathStyle] of TABLE) {
    const address = parseS3Bucket(text, {})
    const { tls, checksum, ...place } = address
    assert.deepEqual(place, { scheme, bucket, region, endpoint, pathStyle }, text)
    assert.equal(checksum, true)
    assert.deepEqual(tls, { skipVerify: false })
  }
})

test('region and style of a custom endpoint come from the environment', () => {
  const region = (env: Environment): string | undefined =>
    parseS3Bucket('http://127.0.0.1:9000/jfs', env).region
  assert.equal(region({ AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' }), 'a')
  assert.equal(region({ AWS_DEFAULT_REGION: 'b' }), 'b')
  assert.equal(parseS3Bucket('https://b.s3.eu-west-1.amazonaws.com', { AWS_REGION: 'a' }).region, 'eu-west-1')
  assert.equal(parseS3Bucket('mybucket', { AWS_REGION: 'a' }).region, undefined)
  const style = (value: string): boolean =>
    parseS3Bucket('http://h:1/b', { JFS_S3_VHOST_STYLE: value }).pathStyle
  assert.deepEqual(['', '0', 'false', '1', 'true'].map(style), [true, true, true, false, false])
})

test('options in the query', () => {
  const url =
    'https://127.0.0.1:9000/jfs?disable-checksum=true&tls-insecure-skip-verify=true&ca-certs=/c&ssl-cert=/d'
  const address = parseS3Bucket(url, {})
  assert.equal(address.checksum, false)
  assert.deepEqual(address.tls, { skipVerify: true })
  assert.deepEqual(parseS3Bucket(`${url}&ssl-key=/e`, {}).tls, {
    skipVerify: true,
    ca: '/c',
    cert: '/d',
    key: '/e',
  })
})

test('bucket URLs of minio', () => {
  const read = (text: string, env: Environment = {}) => {
    const { scheme, bucket, region, endpoint, pathStyle } = parseMinioBucket(text, env)
    return [scheme, bucket, region, endpoint, pathStyle]
  }
  const expected = ['http', 'jfs', 'us-east-1', '127.0.0.1:9000', true]
  assert.deepEqual(read('http://127.0.0.1:9000/jfs'), expected)
  assert.deepEqual(read('127.0.0.1:9000/minio/jfs'), expected)
  assert.deepEqual(read('127.0.0.1:9000/jfs/more/'), expected)
  assert.deepEqual(read('http://127.0.0.1:9000/minio')[1], 'minio')
  assert.deepEqual(read('https://h/jfs?region=eu'), ['https', 'jfs', 'eu', 'h', true])
  assert.deepEqual(read('https://h/jfs', { MINIO_REGION: 'eu' })[2], 'eu')
  assert.deepEqual(read('https://h/jfs', { JFS_S3_VHOST_STYLE: '1' })[4], false)
})

test('what is no bucket URL is refused without showing its password', () => {
  for (const text of ['http://h:9000', 'ftp://h/b', 'http://h:99999/b', 'http://user:hunter2@h']) {
    assert.throws(
      () => parseMinioBucket(text, {}),
      (error: Error) => !error.message.includes('hunter2'),
      text,
    )
  }
  assert.throws(() => parseS3Bucket('https://what.amazonaws.com', {}), /\.s3/)
})
