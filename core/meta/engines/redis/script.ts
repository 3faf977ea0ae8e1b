/**
 * A Lua script on the server, called by its hash. A server that does not know it (restarted, SCRIPT FLUSH, another node)
 * has done nothing, and is sent the whole text.
 */
import { createHash } from 'node:crypto'
import type { RedisClient } from './client.ts'
import { type Reply, ReplyError } from './replies.ts'
import { encodeCommand, type Word } from './wire.ts'

export class Script {
  readonly #text: string
  readonly #hash: string

  constructor(text: string) {
    this.#text = text
    this.#hash = createHash('sha1').update(text).digest('hex')
  }

  /** @hot */
  async run(client: RedisClient, keys: readonly string[], args: readonly Word[]): Promise<Reply> {
    const count = String(keys.length)
    try {
      return await client.send(encodeCommand('EVALSHA', this.#hash, count, keys, args))
    } catch (error) {
      if (!(error instanceof ReplyError) || !error.message.startsWith('NOSCRIPT')) throw error
      return client.send(encodeCommand('EVAL', this.#text, count, keys, args))
    }
  }
}
