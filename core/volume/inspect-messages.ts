/** What the process of a mount and that of its inspector say to each other, as structured clones. */

import type { HeldBlock } from '#core/chunk/api.ts'
import type { IndexChange } from '#core/inspect/volume-index.ts'
import type { WireError } from './control-socket.ts'
import type { MountCall } from './mount-calls.ts'
import type { VolumeOptions } from './volume-options.ts'

export interface InspectorStart {
  /** With its password. */
  readonly metaUrl: string
  readonly options: VolumeOptions
  /** Session of the mount. */
  readonly sid: number
}

export type ToInspector =
  /** The first, once. */
  | ({ readonly kind: 'start' } & InspectorStart)
  | {
      readonly kind: 'ask'
      readonly id: number
      readonly op: string
      readonly args: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'cancel'; readonly id: number }
  /** What commits of the mount changed. */
  | { readonly kind: 'changed'; readonly changes: readonly IndexChange[] }
  /** Of what they changed some was not told: there was too much. */
  | { readonly kind: 'missed' }
  /** Whether the mount serves requests. */
  | { readonly kind: 'used'; readonly isUsed: boolean }
  | { readonly kind: 'pause'; readonly id: number; readonly pause: boolean }
  | { readonly kind: 'returned'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  /** The next blocks of a walk; none: it is over. */
  | { readonly kind: 'held'; readonly id: number; readonly blocks: readonly HeldBlock[] }
  | { readonly kind: 'close' }

export type FromInspector =
  | { readonly kind: 'progress'; readonly id: number; readonly progress: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  /** Walk `id` over what the mount holds: begin, or go on; and end, wherever it is. */
  | { readonly kind: 'hold' | 'enough'; readonly id: number }
  | ({ readonly kind: 'call'; readonly id: number } & MountCall)
