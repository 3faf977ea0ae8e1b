/**
 * A program: get what suites run against, while something else goes on, so that none of them waits for a download. What
 * cannot be had is said; the suite that asks for it is skipped under that name.
 */
import { setPriority } from 'node:os'
import { uiObstacle } from '../ui/harness.ts'
import { electron } from './electron.ts'
import { fakeTimeLibrary } from './fake-time.ts'
import { keyringProgram } from './keyring.ts'
import { s3Server } from './servers.ts'
import { fsx, juicefs, pjdfstest, strace, type Tool } from './tools.ts'

setPriority(5)
const fetched = [juicefs, s3Server, fsx, pjdfstest].map((get) => get())
// The package manager does one thing after the other, and keeps this process waiting.
const installed: Tool[] = [await strace(), await keyringProgram()]
const chromium = uiObstacle()
fakeTimeLibrary()
installed.push(await electron())
for (const { missing } of [...(await Promise.all(fetched)), ...installed, { missing: chromium }])
  if (missing !== undefined) console.log(`Not here: ${missing}`)
