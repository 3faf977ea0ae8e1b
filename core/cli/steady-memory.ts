/** For commands that stream through a whole volume in a process of their own. */
import { setFlagsFromString } from 'node:v8'

/**
 * Keep V8 from growing the space of young objects while garbage streams by: dumping 200,000 files took 193 MiB at most
 * instead of 304, for 3 % more CPU. It is not for mounts, whose requests gain from that space.
 */
export function keepMemorySteady(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
