/**
 * Sockets that read into one buffer, used again for all of them. Node otherwise takes 64 KiB for each read and leaves it to
 * the garbage collector, which then is at work all the time: bodies of 256 MiB are 4096 such. Node's HTTP parser copies what
 * it passes on, so nothing looks at the buffer after it returned.
 */
import type { AgentOptions } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'

/** Larger reads are fewer chunks of a body; what the kernel holds for a socket is about this. */
const READ_BYTES = 256 * 1024

/** For an HTTP agent, of plain connections only. */
export function reusedReads(): AgentOptions {
  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(this: Socket, length: number, buffer: Uint8Array): boolean {
      this.emit('data', buffer.subarray(0, length))
      return true
    },
  }
  return { onread } as AgentOptions
}
