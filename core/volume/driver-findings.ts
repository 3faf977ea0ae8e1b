/** What a driver cannot do on this machine, for `pomelo doctor`. */
import type { Finding } from '#core/base/finding.ts'
import type { DriverName } from '#core/fuse/drivers.ts'
import { nativeDriverObstacle } from '#core/fuse/native-driver/library.ts'
import { nativeDriverFindings } from '#core/fuse/native-driver/limits.ts'

export function driverFindings(driver: DriverName): readonly Finding[] {
  if (driver === 'pump') return []
  const obstacle = nativeDriverObstacle()
  const loads: Finding =
    obstacle === undefined
      ? { level: 'ok', code: 'fuse-native', sentence: 'The driver fuse-native can be loaded.' }
      : { level: 'problem', code: 'fuse-native', ...obstacle }
  return [loads, ...nativeDriverFindings()]
}
