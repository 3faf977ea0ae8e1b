import assert from 'node:assert/strict'
import test from 'node:test'
import { daemonEnvironment, daemonProgram } from './daemon-program.ts'

test('the packed app brings its own Node, outside of the archive', () => {
  const places = {
    isPackaged: true,
    resourcesPath: '/opt/Pomelo/resources',
    appPath: '/opt/Pomelo/resources/app.asar',
  }
  assert.deepEqual(daemonProgram(places), {
    node: '/opt/Pomelo/resources/pomelo/node',
    script: '/opt/Pomelo/resources/pomelo/core/cli/main.ts',
    root: '/opt/Pomelo/resources/pomelo',
  })
})

test('a checkout runs on the Node that npm installed', () => {
  const places = { isPackaged: false, resourcesPath: '/x', appPath: '/home/me/pomelo/electron/dist' }
  assert.equal(daemonProgram(places).node, '/home/me/pomelo/node_modules/node/bin/node')
  assert.equal(daemonProgram(places).script, '/home/me/pomelo/core/cli/main.ts')
})

test('nothing of Electron reaches the daemon', () => {
  const env = daemonEnvironment({
    HOME: '/home/me',
    ELECTRON_RUN_AS_NODE: '1',
    NODE_OPTIONS: '--inspect',
    PATH: '/bin',
  })
  assert.deepEqual(env, { HOME: '/home/me', PATH: '/bin', UV_THREADPOOL_SIZE: '16' })
})
