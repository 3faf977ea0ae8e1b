/** Why a mount did not come up, and whether trying again by itself makes sense. */
import type { VolumeAction } from '#core/api/states.ts'
import { BackendError } from '#core/base/errno.ts'
import { redactText } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { LockedSecrets } from './secrets.ts'

export interface MountFailure {
  readonly message: string
  readonly next?: string
  readonly action: VolumeAction
  /** It may pass by itself: a server that does not answer, a process that died. */
  readonly mayPass: boolean
}

export function failureOf(error: unknown): MountFailure {
  const message = error instanceof Error ? redactText(error.message) : 'the volume could not be mounted'
  if (error instanceof BackendError) {
    if (error.kind === 'denied')
      return {
        message,
        next: 'Check the keys and passwords of this volume.',
        action: 'edit-keys',
        mayPass: false,
      }
    if (error.kind === 'unavailable' || error.kind === 'closed')
      return { message, next: 'It is tried again by itself.', action: 'edit-address', mayPass: true }
    if (error.kind === 'no-space')
      return {
        message,
        next: 'Make room on it; it is tried again by itself.',
        action: 'details',
        mayPass: true,
      }
    if (error.kind === 'read-only')
      return {
        message,
        next: 'Give the address of the server that takes writes, or mount the volume read-only (in its settings).',
        action: 'edit-address',
        mayPass: false,
      }
    return { message, action: 'edit-address', mayPass: false }
  }
  if (error instanceof LockedSecrets) return { message, next: error.next, action: 'details', mayPass: true }
  if (error instanceof Refusal) return { message, next: error.next, action: 'details', mayPass: false }
  return { message, action: 'details', mayPass: false }
}

export const CRASHED: MountFailure = {
  message: 'The volume process ended unexpectedly.',
  next: 'It is started again by itself; its log says more.',
  action: 'mount',
  mayPass: true,
}

/** Milliseconds before attempt 1, 2, …: from a moment to five minutes. */
export function backOffMs(attempt: number): number {
  return Math.min(1000 * 2 ** (attempt - 1), 300_000)
}
