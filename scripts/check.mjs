#!/usr/bin/env node
/** `npm run check`: format, lint, types, layers and unit tests; no mount, no server, in seconds. */
process.argv.push('--quick')
await import('./test.mjs')
