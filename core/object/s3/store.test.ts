import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { crc32c } from '#core/base/crc32c.ts'
import { freePort, s3Server, startS3 } from '../../../e2e/harness/servers.ts'
import { failsWith, keysOf, pieces, randomBytes, storeSuite } from '../store.suite.ts'
import type { ObjectStore } from '../store.ts'
import { retryOptions, withRetry } from '../with-retry.ts'
import { openS3Store } from './store.ts'

const { missing } = await s3Server()
const skip: string | false = missing ?? false
const server = missing === undefined ? await startS3() : undefined
after(() => server?.stop())

function open(
  options: { secretKey?: string; accessKey?: string; bucket?: string } = {},
): Promise<ObjectStore> {
  const { endpoint, accessKey, secretKey, bucket } = server!
  const url = `${endpoint}/${options.bucket ?? bucket}`
  return openS3Store({ kind: 'minio', accessKey, secretKey, ...options, bucket: url })
}

// The server makes folders one at a time and fails on the others: hence the retries.
storeSuite('s3', async () => withRetry(await open(), retryOptions({ pauseMs: 10 })), {
  skip,
  hasFolders: true,
})

test('s3: wrong keys are denied at once, named without the secret', { skip, timeout: 10_000 }, async () => {
  for (const wrong of [{ secretKey: 'wrong-secret' }, { accessKey: 'nobody' }]) {
    const store = await open(wrong)
    const start = performance.now()
    const put = (): Promise<void> => store.put('x', [Buffer.from('x')])
    for (const work of [() => store.get('x'), put, () => store.head('x'), () => keysOf(store, '')]) {
      await assert.rejects(work(), (error: Error) => {
        assert.ok(failsWith('denied')(error))
        assert.ok(error.message.includes(`${server!.endpoint}/bucket`), error.message)
        return !error.message.includes('wrong-secret')
      })
    }
    assert.ok(performance.now() - start < 2000)
    store.close()
  }
})

test('s3: a missing bucket is not a missing object, and create makes it', {
  skip,
  timeout: 20_000,
}, async () => {
  const store = await open({ bucket: 'made-later' })
  await assert.rejects(store.get('x'), failsWith('invalid'))
  await assert.rejects(store.put('x', [Buffer.from('x')]), failsWith('invalid'))
  await assert.rejects(keysOf(store, ''), failsWith('invalid'))
  await store.create()
  await store.put('x', [Buffer.from('x')])
  assert.deepEqual(await keysOf(store, ''), ['x'])
  store.close()
})

test('s3: more than a page is listed whole and in order', { skip, timeout: 60_000 }, async () => {
  const store = await open({})
  const keys = Array.from({ length: 1203 }, (_, n) => `page/${n % 7}/${n}`)
  for (const key of keys) await store.put(key, [])
  assert.deepEqual(await keysOf(store, 'page/'), keys.toSorted())
  assert.equal((await keysOf(store, 'page/', 'page/3/')).length, keys.filter((key) => key > 'page/3/').length)
  store.close()
})

test('s3: nobody listens: unavailable, within seconds', { timeout: 20_000 }, async () => {
  const store = await openS3Store({
    kind: 's3',
    bucket: `http://127.0.0.1:${await freePort()}/b`,
    accessKey: 'a',
  })
  const start = performance.now()
  await assert.rejects(store.get('x'), failsWith('unavailable'))
  await assert.rejects(keysOf(store, ''), failsWith('unavailable'))
  assert.ok(performance.now() - start < 5000)
  store.close()
})

/** A server that answers as told; for what a good one never does. */
async function scripted(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ store: ObjectStore; server: Server }> {
  const http = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(request, response))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  http.unref()
  const bucket = `http://127.0.0.1:${(http.address() as AddressInfo).port}/b`
  const timeouts = { idleMs: 500 }
  const tiers = { 0: { StorageClass: '', Tag: '' }, 2: { StorageClass: 'COLD', Tag: 'a b=c&d' } }
  const store = await openS3Store({ kind: 's3', bucket, accessKey: 'a', secretKey: 'b', timeouts, tiers })
  after(() => {
    store.close()
    http.close()
    http.closeAllConnections()
  })
  return { store, server: http }
}

test('s3: a silent server ends by the signal, or by itself', { timeout: 20_000 }, async () => {
  const { store } = await scripted(() => {})
  const start = performance.now()
  const signal = AbortSignal.timeout(100)
  await assert.rejects(store.get('x', undefined, { signal }), failsWith('interrupted'))
  await assert.rejects(keysOf(store, ''), failsWith('unavailable'))
  await assert.rejects(store.put('x', [Buffer.alloc(5)]), failsWith('unavailable'))
  assert.ok(performance.now() - start < 8000)
})

test('s3: a body that stalls, breaks off or is cut is never taken for the object', {
  timeout: 20_000,
}, async () => {
  const { store } = await scripted((request, response) => {
    response.writeHead(request.headers.range ? 206 : 200, {
      'content-length': '10',
      'content-range': 'bytes 0-19/100',
    })
    response.write('12345')
    if (request.url?.includes('break')) setTimeout(() => response.destroy(), 50)
    if (request.url?.includes('short')) response.end('67890')
  })
  await assert.rejects(store.get('stall'), failsWith('unavailable'))
  await assert.rejects(store.get('break'), failsWith('unavailable'))
  await assert.rejects(store.get('short', { offset: 0, length: 20 }), failsWith('corrupt'))
  const signal = AbortSignal.timeout(100)
  await assert.rejects(store.get('stall', undefined, { signal }), failsWith('interrupted'))
})

test('s3: the checksum is written, and checked on whole objects where there is one', {
  timeout: 20_000,
}, async () => {
  let sent: IncomingMessage['headers'] = {}
  let stored: string | undefined
  const body = Buffer.from('0123456789')
  const { store } = await scripted((request, response) => {
    if (request.method === 'PUT') sent = request.headers
    if (stored !== undefined) response.setHeader('X-Amz-Meta-Crc32c', stored)
    response.end(request.method === 'PUT' ? undefined : body)
  })
  await store.put('x', [body.subarray(0, 4), body.subarray(4)], { tier: 2 })
  const crc = crc32c(body)
  assert.equal(sent['x-amz-meta-crc32c'], String(crc))
  assert.equal(sent['x-amz-content-sha256'], 'UNSIGNED-PAYLOAD')
  assert.equal(sent['content-type'], 'application/octet-stream')
  assert.equal(sent['x-amz-storage-class'], 'COLD')
  assert.equal(sent['x-amz-tagging'], 'a%20b=c%26d')
  assert.equal(sent.expect, undefined)
  await store.put('x', [body], { tier: 1 })
  assert.equal(sent['x-amz-storage-class'], undefined)
  for (const good of [undefined, String(crc), String(crc - 2 ** 32), 'no number']) {
    stored = good
    assert.ok(body.equals(await store.get('x')), good)
  }
  stored = String(crc ^ 1)
  await assert.rejects(store.get('x'), failsWith('corrupt'))
  // A server that ignores ranges sends everything.
  await assert.rejects(store.get('x', { offset: 2, length: 3 }), failsWith('corrupt'))
  stored = String(crc)
  assert.equal(Buffer.from(await store.get('x', { offset: 2, length: 3 })).toString(), '234')
})

test('s3: another range than the one asked for is refused, and one that is the whole object is checked', {
  timeout: 20_000,
}, async () => {
  let said = ''
  let body = '234'
  const { store } = await scripted((_, response) => {
    response.writeHead(206, {
      'content-range': said,
      'x-amz-meta-crc32c': String(crc32c(Buffer.from('0123456789'))),
    })
    response.end(body)
  })
  const get = async (offset: number, length: number) =>
    Buffer.from(await store.get('x', { offset, length })).toString()
  for (said of ['bytes 2-4/10', 'bytes 2-4/*', 'bytes 2-4/5']) assert.equal(await get(2, 3), '234')
  for (said of ['bytes 3-5/10', 'bytes 2-5/10', 'bytes 0-2/10', 'bytes 2-4/4', 'nonsense'])
    await assert.rejects(get(2, 3), failsWith('corrupt'), said)
  said = 'bytes 0-9/10'
  body = '0123456789'
  assert.equal(await get(0, 10), body)
  assert.equal(await get(0, 20), body)
  body = '0123x56789'
  await assert.rejects(get(0, 10), failsWith('corrupt'))
})

/** A service of one multipart upload: what it was asked, and what became of it. */
function uploadService(answer: (step: string, response: ServerResponse) => boolean) {
  const asked: string[] = []
  const parts: number[] = []
  let stored = 0
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://x')
    const part = url.searchParams.get('partNumber')
    const isUpload = url.searchParams.has('uploadId')
    const step = url.searchParams.has('uploads')
      ? 'begin'
      : part !== null
        ? `part ${part}`
        : !isUpload
          ? (request.method ?? '')
          : request.method === 'DELETE'
            ? 'abort'
            : 'complete'
    asked.push(step)
    if (part !== null) parts[Number(part) - 1] = Number(request.headers['content-length'])
    if (step === 'complete') stored = parts.reduce((sum, size) => sum + size, 0)
    if (answer(step, response)) return
    if (step === 'HEAD') response.setHeader('content-length', stored)
    if (part !== null) response.setHeader('etag', `"tag${part}"`)
    response.end(step === 'begin' ? '<R><UploadId>a&amp;b</UploadId></R>' : '<R></R>')
  }
  return { asked, parts, handle }
}

const refuse = (response: ServerResponse, status: number, code: string): true => {
  response.statusCode = status
  response.end(`<Error><Code>${code}</Code></Error>`)
  return true
}

async function streamTo(store: ObjectStore, size: number): Promise<void> {
  const patient = withRetry(store, retryOptions({ pauseMs: 1, attempts: 3 }))
  await patient.putStream('x', pieces(Buffer.alloc(size), 1_000_000))
}

test('s3: a stream goes up in equal parts; a part that fails is sent again', {
  timeout: 20_000,
}, async () => {
  let failures = 1
  const service = uploadService(
    (step, response) => step === 'part 2' && failures-- > 0 && refuse(response, 503, 'SlowDown'),
  )
  const { store } = await scripted(service.handle)
  await streamTo(store, 12_000_000)
  assert.deepEqual(service.asked, ['begin', 'part 1', 'part 2', 'part 2', 'part 3', 'complete'])
  assert.deepEqual(service.parts, [5_242_880, 5_242_880, 12_000_000 - 2 * 5_242_880])
})

test('s3: an upload that comes to nothing is aborted, whatever status says so', {
  timeout: 20_000,
}, async () => {
  const refusals = {
    'part 2': [403, 'AccessDenied', 'denied'],
    complete: [200, 'InternalError', 'unavailable'],
  } as const
  for (const [at, [status, code, kind]] of Object.entries(refusals)) {
    const service = uploadService((step, response) => {
      if (step === 'HEAD') return refuse(response, 404, 'NoSuchKey')
      return step === at && refuse(response, status, code)
    })
    const { store } = await scripted(service.handle)
    await assert.rejects(streamTo(store, 12_000_000), failsWith(kind))
    assert.equal(service.asked.at(-1), 'abort', at)
  }
})

test('s3: an upload whose completion was answered too late is found complete', {
  timeout: 20_000,
}, async () => {
  let completions = 0
  const service = uploadService((step, response) => {
    if (step !== 'complete') return false
    return completions++ === 0 ? refuse(response, 503, 'SlowDown') : refuse(response, 404, 'NoSuchUpload')
  })
  const { store } = await scripted(service.handle)
  await streamTo(store, 12_000_000)
  assert.deepEqual(service.asked.slice(-3), ['complete', 'complete', 'HEAD'])
})

test('s3: anonymous requests carry no signature', { timeout: 20_000 }, async () => {
  let authorization: string | undefined = 'none yet'
  const { server: http } = await scripted((request, response) => {
    authorization = request.headers.authorization
    response.end()
  })
  const bucket = `http://127.0.0.1:${(http.address() as AddressInfo).port}/b`
  const store = await openS3Store({ kind: 's3', bucket, accessKey: 'anonymous' })
  await store.get('x')
  assert.equal(authorization, undefined)
  store.close()
})

test('s3: through a proxy where the environment names one, but not to this machine', {
  timeout: 20_000,
}, async () => {
  const asked: (string | undefined)[] = []
  const { server: proxy } = await scripted((request, response) => {
    asked.push(request.url)
    response.end('ok')
  })
  const place = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  for (const host of ['store.invalid', place]) {
    const env = { http_proxy: `http://${place}` }
    const store = await openS3Store({ kind: 's3', bucket: `http://${host}/b`, accessKey: 'a', env })
    assert.equal(Buffer.from(await store.get('x')).toString(), 'ok')
    store.close()
  }
  assert.deepEqual(asked, ['http://store.invalid/b/x', '/b/x'])
})

test('s3: answers map to kinds', { timeout: 20_000 }, async () => {
  let status = 200
  let code = ''
  const { store } = await scripted((_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>it is &lt;so&gt;</Message></Error>`,
    )
  })
  const kinds = [
    [500, 'InternalError', 'unavailable'],
    [503, 'SlowDown', 'unavailable'],
    [429, 'TooManyRequests', 'unavailable'],
    [403, 'AccessDenied', 'denied'],
    [403, 'SignatureDoesNotMatch', 'denied'],
    [403, 'RequestTimeTooSkewed', 'unavailable'],
    [404, 'NoSuchKey', 'not-found'],
    [404, 'NoSuchBucket', 'invalid'],
    [400, 'EntityTooLarge', 'invalid'],
    [301, 'PermanentRedirect', 'invalid'],
    [507, 'XMinioStorageFull', 'no-space'],
    [409, 'OperationAborted', 'conflict'],
  ] as const
  for (const [nextStatus, nextCode, kind] of kinds) {
    status = nextStatus
    code = nextCode
    await assert.rejects(
      store.get('x'),
      (error: Error) => failsWith(kind)(error) && /it is <so>/.test(error.message),
    )
    await assert.rejects(keysOf(store, ''), failsWith(kind), code)
  }
  status = 404
  code = 'NoSuchKey'
  await store.delete('x')
  code = 'NoSuchBucket'
  await assert.rejects(store.delete('x'), failsWith('invalid'))
})

test('s3: a clock that is wrong is corrected after the first refusal', { timeout: 20_000 }, async () => {
  const ahead = Date.now() + 3_600_000
  const { store } = await scripted((request, response) => {
    const signed = String(request.headers['x-amz-date']).replace(
      /(....)(..)(..T..)(..)(..Z)/,
      '$1-$2-$3:$4:$5',
    )
    const isSkewed = Math.abs(Date.parse(signed) - ahead) > 60_000
    response.setHeader('date', new Date(ahead).toUTCString())
    response.statusCode = isSkewed ? 403 : 200
    response.end(isSkewed ? '<Error><Code>RequestTimeTooSkewed</Code></Error>' : 'ok')
  })
  await assert.rejects(store.get('x'), failsWith('unavailable'))
  assert.equal(Buffer.from(await store.get('x')).toString(), 'ok')
})

test('s3: a large object of many parts goes up without being joined', { skip, timeout: 30_000 }, async () => {
  const store = await open({})
  const parts = Array.from({ length: 40 }, (_, n) => randomBytes(100_000, n))
  await store.put('parts', parts)
  assert.ok(Buffer.concat(parts).equals(await store.get('parts')))
  store.close()
})
