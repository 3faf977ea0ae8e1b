#!/usr/bin/env node
/**
 * The helper that mount(8) looks for: link it to /sbin/mount.pomelo, and `mount -t pomelo META-URL DIR -o …` and
 * lines of /etc/fstab work. With `fuse.pomelo` as the type, a `pomelo` in
 * /usr/local/bin is enough: mount(8) looks on the system's own PATH.
 */
import { fileURLToPath } from 'node:url'

// A metadata address as the first word is what tells a call by mount(8): core/cli/main.ts.
process.argv[1] = fileURLToPath(new URL('./pomelo.mjs', import.meta.url))
await import('./pomelo.mjs')
