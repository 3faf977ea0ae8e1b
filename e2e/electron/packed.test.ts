/** The packed folder, as `npm run dist -- --dir` makes it. */
import assert from 'node:assert/strict'
import { access, mkdtemp, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { Desktop, kill, packShell, type ShellProgram } from '../harness/desktop.ts'
import { electron, startDisplay } from '../harness/electron.ts'
import { noMount } from '../harness/volume.ts'
import { shellSuite } from './shell.suite.ts'

/** In the wire's own words. Source: electron docs/tutorial/fuses.md, "What are fuses". */
const [OFF, ON] = ['0', '1'].map((state) => state.charCodeAt(0))

const skip = (await electron()).missing ?? noMount
const folder = await mkdtemp(join(tmpdir(), 'packed-'))
after(() => rm(folder, { recursive: true, force: true }))

let program: ShellProgram | undefined
await shellSuite('packed', async (executable) => {
  program = await packShell(executable, folder)
  return program
})

test('packed: as an AppImage it starts the daemon from a copy, which outlives it', { skip }, async (t) => {
  const display = await startDisplay()
  t.after(() => display.stop())
  const desktop = await Desktop.make(program!, display)
  t.after(() => desktop.close())
  desktop.addEnv({ APPIMAGE: join(desktop.folder, 'Pomelo.AppImage') })
  const { app } = await desktop.launch()
  const { stdout } = await desktop.pomelo(['daemon', 'status', '--json'])
  const { daemonPid } = JSON.parse(stdout) as { daemonPid: number }
  assert.match(await readlink(`/proc/${daemonPid}/exe`), /\.data\/pomelo\/app\/[\d.]+\/node$/)
  kill(app)
  process.kill(daemonPid, 0)
})

test('packed: the fuses that let others in are off', { skip }, async () => {
  const wire = await getCurrentFuseWire(program!.executable)
  const off = [FuseV1Options.RunAsNode, FuseV1Options.EnableNodeOptionsEnvironmentVariable]
  for (const fuse of off) assert.equal(wire[fuse], OFF, FuseV1Options[fuse])
  assert.equal(wire[FuseV1Options.OnlyLoadAppFromAsar], ON)
})

test('packed: the daemon, its Node and the native parts lie outside of the archive', { skip }, async () => {
  const pomelo = join(dirname(program!.executable), 'resources', 'pomelo')
  for (const path of [
    'node',
    'core/cli/main.ts',
    'build/pump.node',
    'renderer/dist/index.html',
    'node_modules/better-sqlite3',
  ])
    await access(join(pomelo, path))
  await assert.rejects(
    access(join(pomelo, 'node_modules', 'electron-updater')),
    'what is bundled is not packed twice',
  )
})
