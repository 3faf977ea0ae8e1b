/** Why a volume cannot be mounted, unmounted or kept mounted: for people, with the next step. */
import { Refusal } from '#core/base/refusal.ts'

export type MountErrorKind =
  | 'missing' // the mount point does not exist
  | 'not-a-directory'
  | 'not-empty'
  | 'no-access' // we may not look at the mount point
  | 'already-mounted' // a live mount of ours is there
  | 'dead-mount' // a broken mount that is not ours to clear, or could not be cleared
  | 'hung' // something there does not answer
  | 'inside-itself' // the mount point lies inside a mount of the same volume
  | 'no-device' // no /dev/fuse
  | 'device-denied'
  | 'no-fusermount'
  | 'refused' // mount(2) or fusermount3 said no
  | 'kernel-too-old'
  | 'not-ready' // mounted, but a probe got no good answer in time
  | 'busy' // unmount: somebody uses it
  | 'not-mounted'

export class MountError extends Refusal {
  readonly kind: MountErrorKind

  constructor(kind: MountErrorKind, message: string, next?: string, options?: ErrorOptions) {
    super(message, next, options)
    this.kind = kind
  }
}
