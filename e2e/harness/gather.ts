/**
 * A program: get what suites run against, and build what they show, while something else goes on: none of them waits for
 * a download or a build. What cannot be had is said; the suite that asks for it is skipped under that name.
 */
import { setPriority } from 'node:os'
import { buildWhenOld } from '../../scripts/interface.mjs'
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
for (const what of ['invented interface', 'interface', 'desktop shell'] as const) buildWhenOld(what)
for (const { missing } of [...(await Promise.all(fetched)), ...installed, { missing: chromium }])
  if (missing !== undefined) console.log(`Not here: ${missing}`)
