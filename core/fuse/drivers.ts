/** The two ways to a mount, with one face. */
import { type MountedFuse, type MountOptions, mountFuse } from './mount.ts'

/** `pump`: ours, all of POSIX; `fuse-native`: libfuse 2, where the pump cannot mount. */
export const DRIVERS = ['pump', 'fuse-native'] as const
export type DriverName = (typeof DRIVERS)[number]

/** Mount with a driver. Errors: MountError. */
export async function mountWith(driver: DriverName, options: MountOptions): Promise<MountedFuse> {
  if (driver === 'pump') return mountFuse(options)
  const { mountNative } = await import('./native-driver/mount.ts')
  return mountNative(options)
}
