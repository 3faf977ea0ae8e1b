/**
 * The process that mount tests mount in: no test may touch a mount that its own process serves. Started with an IPC
 * channel; takes mount options as JSON, then obeys messages.
 */
import { openSync } from 'node:fs'
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { lineLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import type { Name } from '#core/base/name.ts'
import type { ReadReply } from './filesystem.ts'
import { MemoryFileSystem } from './memory-filesystem.ts'
import { type MountedFuse, type MountOptions, mountFuse } from './mount.ts'

export type ServerOptions = Pick<
  MountOptions,
  'mountpoint' | 'fsname' | 'allowOther' | 'readOnly' | 'nonempty' | 'extraOptions' | 'maxWrite'
> & {
  /** A file whose bytes answer reads of `backed`, by its descriptor. */
  readonly backing?: string
  readonly ttl?: number
}

export type ServerCommand =
  | { readonly do: 'unmount'; readonly lazy?: boolean }
  | { readonly do: 'abort' }
  | { readonly do: 'state' }
  /** Change `file` behind the kernel's back; with `tell`, tell it. */
  | { readonly do: 'change'; readonly text: string; readonly tell: boolean }
  | { readonly do: 'vanish'; readonly name: string; readonly tell: boolean }

export interface ServerState {
  readonly inFlight: number
  readonly openHandles: number
  readonly nodes: number
  readonly fileRanges: number
}

/** `stuck` is never answered; `backed` is answered from a file. */
class TestFileSystem extends MemoryFileSystem {
  readonly #backing: number | undefined
  fileRanges = 0

  constructor(backing: string | undefined) {
    super(process.getuid?.(), process.getgid?.())
    this.#backing = backing === undefined ? undefined : openSync(backing, 'r')
  }

  override async read(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    size: number,
  ): Promise<ReadReply> {
    const name = this.#nameOf(ino)
    if (name === 'stuck') await new Promise(() => undefined)
    const bytes = await super.read(ctx, ino, fh, offset, size)
    const length = bytes.kind === 'bytes' ? bytes.parts.reduce((sum, part) => sum + part.length, 0) : 0
    if (name !== 'backed' || this.#backing === undefined || length === 0) return bytes
    this.fileRanges++
    return { kind: 'file', fd: this.#backing, offset, length, done: () => this.fileRanges-- }
  }

  #nameOf(ino: Ino): Name | undefined {
    for (const [name, child] of this.nodes.get(1)!.children) if (child === ino) return name
    return undefined
  }

  find(name: Name): { ino: Ino; data: Buffer; size: number } {
    return this.nodes.get(this.nodes.get(1)!.children.get(name)!)!
  }
}

async function obey(command: ServerCommand, fs: TestFileSystem, mounted: MountedFuse): Promise<unknown> {
  switch (command.do) {
    case 'unmount':
      await mounted.unmount({ lazy: command.lazy })
      return undefined
    case 'abort':
      await mounted.abort()
      return undefined
    case 'change': {
      const file = fs.find('file')
      file.data.write(command.text)
      if (command.tell) fs.notifier!.invalInode(file.ino, 0, 0)
      return undefined
    }
    case 'vanish':
      fs.nodes.get(1)!.children.delete(command.name)
      if (command.tell) fs.notifier!.invalEntry(1, command.name)
      return undefined
    case 'state': {
      const { openHandles, fileRanges } = fs
      return {
        inFlight: mounted.stats().inFlight,
        openHandles,
        nodes: fs.nodes.size,
        fileRanges,
      } satisfies ServerState
    }
    default:
      return command satisfies never
  }
}

function errorOf(error: unknown): object {
  const { kind, message, next } = error as { kind?: string; message: string; next?: string }
  return { kind, message, next }
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2]!) as ServerOptions
  const fs = new TestFileSystem(options.backing)
  fs.entryTtl = fs.attrTtl = options.ttl ?? 1
  try {
    const mounted = await mountFuse({ ...options, fs, log: lineLog(() => undefined), metrics: new Metrics() })
    process.on('message', (message: { id: number; command: ServerCommand }) => {
      obey(message.command, fs, mounted).then(
        (result) => process.send?.({ id: message.id, result }),
        (error: unknown) => process.send?.({ id: message.id, error: errorOf(error) }),
      )
    })
    mounted.ended.then((end) => process.send?.({ ended: end.reason, destroyed: fs.isDestroyed }))
    process.send?.({ mounted: mounted.mountpoint })
  } catch (error) {
    process.send?.({ error: errorOf(error) }, () => process.disconnect?.())
  }
}
