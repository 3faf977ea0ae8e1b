#!/usr/bin/env node
/**
 * `npm test`: set up what is missing, then run every check and suite. Plain JavaScript for Node 20 or later;
 * arguments narrow the run (`npm test -- --only fsx`).
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureNative, ensurePackages, entry, nodeBinary, root } from './runtime.mjs'

await entry(async () => {
  ensurePackages()
  ensureNative()
  const runner = spawn(nodeBinary(), [join(root, 'scripts', 'run-tests.ts'), ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal))
  return new Promise((resolve) => runner.on('exit', (code) => resolve(code ?? 1)))
})
