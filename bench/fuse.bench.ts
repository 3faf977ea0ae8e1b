/**
 * The cost of the kernel path alone: a file system in memory, mounted by this process and used by a child.
 * Prints µs per uncached lookup and getattr, and MB/s of reads and writes. Needs rights to mount.
 *
 *   node bench/fuse.bench.ts
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import { MemoryFileSystem } from '#core/fuse/memory-filesystem.ts'
import { mountFuse } from '#core/fuse/mount.ts'

async function serve(): Promise<void> {
  const mountpoint = mkdtempSync(join(tmpdir(), 'pomelo-bench-'))
  const fs = new MemoryFileSystem(process.getuid?.(), process.getgid?.())
  fs.entryTtl = 0
  fs.attrTtl = 3600
  const mounted = await mountFuse({
    mountpoint,
    fsname: 'JuiceFS:bench',
    fs,
    log: silentLog,
    metrics: new Metrics(),
  })
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), mountpoint], {
    stdio: 'inherit',
    cwd: '/',
  })
  await new Promise((resolve) => child.on('close', resolve))
  await mounted.unmount()
  await mounted.ended
  rmdirSync(mountpoint)
}

/** In the child: it may touch the mount, and wait for it. */
async function use(mountpoint: string): Promise<void> {
  const { closeSync, openSync, readSync, statSync, writeSync, existsSync, unlinkSync } = await import(
    'node:fs'
  )
  const file = join(mountpoint, 'file')
  const timed = (what: string, n: number, work: (i: number) => void): void => {
    for (let i = 0; i < n / 10; i++) work(i)
    const started = performance.now()
    for (let i = 0; i < n; i++) work(i)
    console.log(`${what}: ${(((performance.now() - started) * 1000) / n).toFixed(1)} µs`)
  }
  closeSync(openSync(file, 'w'))
  timed('stat (LOOKUP)', 20_000, () => statSync(file))
  timed('stat of a missing name (LOOKUP)', 20_000, () => existsSync(join(mountpoint, 'missing')))
  timed('create, close and unlink', 3_000, () => {
    closeSync(openSync(join(mountpoint, 'new'), 'wx'))
    unlinkSync(join(mountpoint, 'new'))
  })
  const O_DIRECT = 0o40000
  const buffer = Buffer.alloc(4 * 1024 * 1024, 7)
  const size = 32 * 1024 * 1024
  const throughput = (what: string, flags: number, piece: number, write: boolean): void => {
    const fd = openSync(file, flags)
    const started = performance.now()
    for (let round = 0; round < 8; round++)
      for (let at = 0; at < size; at += piece)
        if (write) writeSync(fd, buffer, 0, piece, at)
        else readSync(fd, buffer, 0, piece, at)
    const seconds = (performance.now() - started) / 1000
    closeSync(fd)
    console.log(`${what}: ${((8 * size) / 1e6 / seconds).toFixed(0)} MB/s`)
  }
  throughput('write 128 KiB', 1, 128 * 1024, true)
  throughput('write 1 MiB', 1, 1024 * 1024, true)
  throughput('read 128 KiB direct', O_DIRECT, 128 * 1024, false)
  throughput('read 1 MiB direct', O_DIRECT, 1024 * 1024, false)
  const started = performance.now()
  const fd = openSync(file, 'r') // opening drops the pages, so this reads from us once
  for (let at = 0; at < size; at += 128 * 1024) readSync(fd, buffer, 0, 128 * 1024, at)
  console.log(
    `read sequentially, page cache cold: ${(size / 1e6 / ((performance.now() - started) / 1000)).toFixed(0)} MB/s`,
  )
}

const mountpoint = process.argv[2]
if (import.meta.main) await (mountpoint === undefined ? serve() : use(mountpoint))
