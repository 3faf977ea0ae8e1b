/**
 * CPU per 4 KiB request in this process, against a server in another that does nothing: the SDK's commands beside
 * `S3Requests`. Run: node core/object/s3/requests.bench.ts
 */
import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { parseS3Bucket } from './address.ts'
import { getOptions, makeClient, STANDARD_TIMEOUTS } from './client.ts'
import { S3Requests } from './requests.ts'

const body = Buffer.alloc(4096, 1)
if (process.send === undefined) await measure()
else serve()

function serve(): void {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.end(request.method === 'GET' ? body : undefined))
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename)
  try {
    const port = await new Promise<number>((resolve) =>
      child.once('message', (message) => resolve(Number(message))),
    )
    const address = parseS3Bucket(`http://127.0.0.1:${port}/bucket`, {})
    const credentials = { accessKey: 'a', secretKey: 'b' }
    const client = makeClient(address, 'us-east-1', credentials, STANDARD_TIMEOUTS, {})
    const requests = new S3Requests(
      client,
      address.bucket,
      address.pathStyle,
      getOptions(address, STANDARD_TIMEOUTS, {}),
    )
    const object = { Bucket: address.bucket, Key: 'chunks/0/0/1_0_4096' }
    const key = object.Key
    for (let round = 0; round < 3; round++) {
      await report('PUT, SDK command', () => client.send(new PutObjectCommand({ ...object, Body: body })))
      await report('PUT, S3Requests', () => requests.send({ method: 'PUT', key, parts: [body] }))
      await report('GET, SDK command', async () => {
        const { Body } = await client.send(new GetObjectCommand(object))
        await Body?.transformToByteArray()
      })
      await report('GET, S3Requests', () => requests.send({ method: 'GET', key }))
    }
    requests.close()
    client.destroy()
  } finally {
    child.kill()
  }
}

async function report(name: string, request: () => Promise<unknown>): Promise<void> {
  const count = 1000
  for (let n = 0; n < 100; n++) await request()
  const start = process.cpuUsage()
  for (let n = 0; n < count; n++) await request()
  const { user, system } = process.cpuUsage(start)
  console.log(`${name.padEnd(18)} ${((user + system) / count).toFixed(0)} us of CPU`)
}
