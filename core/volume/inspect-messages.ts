/** What the process of a mount and the thread of its inspector say to each other. */

import type { BlockPlace, HeldBlock, SliceId } from '#core/chunk/api.ts'
import type { InspectProgress } from '#core/inspect/answers.ts'
import type { IndexChange } from '#core/inspect/volume-index.ts'
import type { WireError } from './control-socket.ts'
import type { VolumeOptions } from './volume-options.ts'

/** `workerData` of the thread. */
export interface ThreadStart {
  readonly metaUrl: string
  readonly options: VolumeOptions
  /** Session of the mount. */
  readonly sid: number
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
  | {
      readonly kind: 'located'
      readonly id: number
      readonly places?: readonly BlockPlace[]
      readonly error?: WireError
    }
  /** The next blocks of a walk; none: it is over. */
  | { readonly kind: 'held'; readonly id: number; readonly blocks: readonly HeldBlock[] }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'progress'; readonly id: number; readonly progress: InspectProgress }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  /** Walk `id` over what the mount holds: begin, or go on. */
  | { readonly kind: 'hold'; readonly id: number }
  | { readonly kind: 'locate'; readonly id: number; readonly slice: SliceId; readonly probe: boolean }
