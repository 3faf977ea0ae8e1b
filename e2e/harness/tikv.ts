/**
 * A private cluster on loopback: PD and three stores in one process, in memory (shared/tikvmock), built once a machine
 * where there is Go. Regions split, change leader and lose their store on request.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { which } from '../../scripts/system.mjs'
import { end, freePort, spawnBound, untilListening } from './servers.ts'

const run = promisify(execFile)
const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const source = process.env.POMELO_TIKVMOCK ?? resolve(repository, '../shared/tikvmock')
const STORES = 3
/** The first build fetches and compiles gRPC; a slow machine takes minutes. */
const BUILD_MS = 480_000

/** Why there is no TiKV here: the reason to skip under; undefined when there is one. */
export function tikvMissing(): string | undefined {
  if (!existsSync(join(source, 'main.go')))
    return `no stand-in for TiKV: ${source} is not there; POMELO_TIKVMOCK names another folder`
  return which('go') === undefined ? 'no go: install golang-go to build the stand-in for TiKV' : undefined
}

export interface TikvServer {
  /** `host:port` of PD. */
  readonly pd: string
  /** `tikv://…/prefix`. */
  url(prefix: string): string
  /** The region of the key ends there, and another begins. Keys are byte strings. */
  split(key: string): Promise<void>
  /** The next peer leads the region of the key. */
  moveLeader(key: string): Promise<void>
  stopStore(id: number): Promise<void>
  startStore(id: number): Promise<void>
  /** One each: number, boundaries in hex as PD has them, and the store of its leader. */
  regions(): Promise<readonly { readonly start: string; readonly end: string; readonly store: number }[]>
  stop(): Promise<void>
}

/** Ask `tikvMissing` first. */
export async function startTikv(): Promise<TikvServer> {
  const program = await builtProgram()
  const [pd, http] = [await freePort(), await freePort()]
  const kv = await freePorts(STORES)
  const args = [
    '-stores',
    String(STORES),
    '-pd',
    `127.0.0.1:${pd}`,
    '-kv',
    String(kv),
    '-http',
    `127.0.0.1:${http}`,
  ]
  const child = spawnBound(program, args, { stdio: 'ignore' })
  await untilListening(child, http)
  const control = async (path: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${http}/${path}`)
    if (!answer.ok) throw new Error(`tikvmock: ${path}: ${answer.status}`)
    return answer.text()
  }
  const hex = (key: string): string => Buffer.from(key, 'latin1').toString('hex')
  return {
    pd: `127.0.0.1:${pd}`,
    url: (prefix) => `tikv://127.0.0.1:${pd}/${prefix}`,
    split: async (key) => void (await control(`split?key=${hex(key)}`)),
    moveLeader: async (key) => void (await control(`leader?key=${hex(key)}`)),
    stopStore: async (id) => void (await control(`stop?store=${id}`)),
    startStore: async (id) => void (await control(`start?store=${id}`)),
    async regions() {
      const lines = (await control('regions')).trim().split('\n')
      return lines.map((line) => {
        const [, start = '', end = ''] = line.split(' ')
        return { start, end, store: Number(/leader store (\d+)/.exec(line)?.[1]) }
      })
    },
    stop: () => end(child),
  }
}

/** Built from exactly these sources, for all test files of this user. */
export async function builtProgram(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(source, name)))
  const folder = join(tmpdir(), `pomelo-tikvmock-${userInfo().uid}`)
  const program = join(folder, hash.digest('hex').slice(0, 16))
  if (existsSync(program)) return program
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const built = `${program}.${process.pid}`
  try {
    await run('go', ['build', '-buildvcs=false', '-o', built, '.'], { cwd: source, timeout: BUILD_MS })
    await rename(built, program)
  } finally {
    await rm(built, { force: true })
  }
  return program
}

/** The first of `count` ports in a row that nobody listens on. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort()
    const others = await Promise.all(Array.from({ length: count - 1 }, (_, k) => isFree(first + 1 + k)))
    if (others.every((free) => free)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
  })
}
