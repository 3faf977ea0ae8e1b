/** Placeholder of this commit: framing and commands follow. */
import { EINVAL, fail } from '#core/base/errno.ts'
import type { VirtualFile } from './virtual-files.ts'

export class ControlFile implements VirtualFile {
  constructor(_parts: unknown) {}

  async read(): Promise<Uint8Array> {
    throw fail(EINVAL, 'read')
  }

  async write(): Promise<number> {
    throw fail(EINVAL, 'write')
  }

  close(): void {}
}
