/** What the process of a mount and the thread of its inspector say to each other. */

import type { HeldBlock } from '#core/chunk/api.ts'
import type { IndexChange } from '#core/inspect/volume-index.ts'
import type { WireError } from './control-socket.ts'
import type { MountCall } from './mount-calls.ts'
import type { VolumeOptions } from './volume-options.ts'

/** `workerData` of the thread. */
export interface ThreadStart {
  readonly metaUrl: string
  readonly options: VolumeOptions
  /** Session of the mount. */
  readonly sid: number
  /** Of the mount's `UseWatch`. */
  readonly use: SharedArrayBuffer
}

export type ToThread =
  | {
      readonly kind: 'ask'
      readonly id: number
      readonly op: string
      readonly args: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'cancel'; readonly id: number }
  /** What commits of the mount changed. */
  | { readonly kind: 'changed'; readonly changes: readonly IndexChange[] }
  | { readonly kind: 'pause'; readonly id: number; readonly pause: boolean }
  | { readonly kind: 'returned'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  /** The next blocks of a walk; none: it is over. */
  | { readonly kind: 'held'; readonly id: number; readonly blocks: readonly HeldBlock[] }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'progress'; readonly id: number; readonly progress: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  /** Walk `id` over what the mount holds: begin, or go on. */
  | { readonly kind: 'hold'; readonly id: number }
  | ({ readonly kind: 'call'; readonly id: number } & MountCall)
