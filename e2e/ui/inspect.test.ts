/** The inspector in Chromium, on a daemon, a mount and an S3 server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mountObstacle } from '../../scripts/system.mjs'
import { type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { uiObstacle } from './harness.ts'
import { walkInspector } from './inspector-walk.ts'
import { type RealUi, startRealUi } from './real-window.ts'

const obstacle = uiObstacle() ?? mountObstacle() ?? (await s3Server()).missing
let ui: RealUi
let s3: S3Server

before(async () => {
  if (obstacle !== undefined) return
  ;[ui, s3] = await Promise.all([startRealUi(), startS3()])
})
after(async () => {
  await ui?.close()
  await s3?.stop()
})

test('from an object to its file, its blocks, the space, and a bucket that shrinks', {
  skip: obstacle ?? false,
  timeout: 180_000,
}, async () => {
  const { page, errors } = await ui.open()
  await walkInspector({ page, daemon: ui.daemon, s3, shots: 'real' })
  assert.deepEqual(errors, [])
})
