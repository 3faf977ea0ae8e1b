/** A bucket behind a proxy that makes it bad, and volumes in it. */
import { type FaultProxy, faultProxy } from '../harness/fault-proxy.ts'
import { type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { makeVolume, mustPomelo, type TestVolume } from '../harness/volume.ts'

export class BadBucket implements AsyncDisposable {
  readonly proxy: FaultProxy
  readonly #server: S3Server

  private constructor(server: S3Server, proxy: FaultProxy) {
    this.#server = server
    this.proxy = proxy
  }

  /** Or why there is none: the reason to skip under. */
  static async start(seed: number): Promise<BadBucket | string> {
    const tool = await s3Server()
    if (tool.path === undefined) return tool.missing
    const server = await startS3()
    return new BadBucket(server, await faultProxy(Number(new URL(server.endpoint).port), seed))
  }

  makeVolume(options: readonly string[]): Promise<TestVolume> {
    const bucket = `http://127.0.0.1:${this.proxy.port}/${this.#server.bucket}`
    return makeVolume(['--storage', 's3', '--bucket', bucket, ...options], this.#secrets)
  }

  async fsck(volume: TestVolume): Promise<void> {
    await mustPomelo(['fsck', volume.meta], { env: this.#secrets })
  }

  get #secrets() {
    const { accessKey, secretKey } = this.#server
    return { ACCESS_KEY: accessKey, SECRET_KEY: secretKey }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close()
    await this.#server.stop()
  }
}
