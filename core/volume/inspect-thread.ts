/** Where the thread of a mount's inspector begins: with its priority, before any of its code is read and compiled. */
import { comeLast } from './giving-way.ts'

comeLast()
await import('./inspect-work.ts')
