import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOUNT_OPTIONS, mountVolumeOptions, optionWarnings } from './mount-options.ts'
import { parseOptions } from './options.ts'

function parsed(...args: string[]) {
  const { values, given } = parseOptions(MOUNT_OPTIONS, args, {})
  return { options: mountVolumeOptions(values, {}, undefined), warnings: optionWarnings(given, values) }
}

test('options of write-back are passed on, and warned about without it', () => {
  const args = [
    '--upload-delay',
    '1h',
    '--upload-hours',
    '22-6',
    '--max-stage-write',
    '5',
    '--cache-expire',
    '2d',
  ]
  const { options, warnings } = parsed('--writeback', '--writeback-threshold-size', '64K', ...args)
  assert.deepEqual(
    [options.uploadDelaySec, options.uploadHours, options.maxStageWrites, options.writebackThreshold],
    [3600, [22, 6], 5, 65_536],
  )
  assert.equal(options.cacheExpireSec, 172_800)
  assert.deepEqual(warnings, [])
  assert.deepEqual(parsed('--upload-delay', '1h', '--upload-hours=1,2').warnings, [
    '--upload-delay has no effect without --writeback',
    '--upload-hours has no effect without --writeback',
  ])
  for (const wrong of ['24-1', '5', 'a-b'])
    assert.throws(() => parsed('--upload-hours', wrong), /hours of the day/)
})

test('options of the reference that do nothing here are named', () => {
  assert.deepEqual(parsed('--open-cache', '5s', '--no-usage-report', '--metrics=:9567').warnings, [
    '--open-cache has no effect in this client',
    '--metrics has no effect in this client',
  ])
  assert.deepEqual(parsed().warnings, [])
})
