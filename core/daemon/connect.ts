/** How the command line reaches the daemon of this user, and starts it. */
import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocket as NodeWebSocket } from 'ws'
import { type Api, createApi } from '#core/api/client.ts'
import { API_VERSION } from '#core/api/settings.ts'
import { systemClock } from '#core/base/clock.ts'
import { Refusal } from '#core/base/refusal.ts'
import { daemonPlaces, type Places } from './places.ts'

const ANSWERS_MS = 5000
const STARTS_MS = 30_000
const LOOK_MS = 50
/** A daemon makes little garbage: a small nursery saves 9 MiB of its memory, measured. */
export const DAEMON_FLAGS = ['--max-semi-space-size=1']

/** The daemon that runs; undefined when none does. Close what is returned. */
export async function connectDaemon(places?: Pick<Places, 'socket'>): Promise<Api | undefined> {
  const { socket } = places ?? (await daemonPlaces())
  if (!(await exists(socket))) return undefined
  const state = Promise.withResolvers<boolean>()
  const api = createApi({
    url: `ws+unix://${socket}:/api/ws`,
    WebSocket: NodeWebSocket as unknown as typeof WebSocket,
    onState: (now) => {
      if (now === 'open') state.resolve(true)
      if (now === 'lost' || now === 'denied') state.resolve(false)
    },
  })
  const timer = setTimeout(() => state.resolve(false), ANSWERS_MS)
  const isOpen = await state.promise
  clearTimeout(timer)
  if (isOpen) return api
  await api.close()
  return undefined
}

/** The running daemon, or a new one in the background. Errors: Refusal. */
export async function findOrStartDaemon(signal?: AbortSignal): Promise<Api> {
  const places = await daemonPlaces()
  const running = await connectDaemon(places)
  if (running !== undefined) return checked(running)
  const said = startDetached(places)
  const deadline = systemClock.monotonicMs() + STARTS_MS
  while (systemClock.monotonicMs() < deadline) {
    signal?.throwIfAborted()
    const api = await connectDaemon(places)
    if (api !== undefined) return checked(api)
    const failure = said()
    if (failure !== undefined)
      throw new Refusal(`the daemon could not start: ${failure}`, `see ${places.log}`)
    await systemClock.sleep(LOOK_MS, signal)
  }
  throw new Refusal(`the daemon gave no sign within ${STARTS_MS / 1000} s`, `see ${places.log}`)
}

/** Another version may have started it. */
async function checked(api: Api): Promise<Api> {
  const { api: version } = await api.trpc.system.about.query()
  if (version === API_VERSION) return api
  await api.close()
  throw new Refusal('the daemon that runs is of another version', 'pomelo daemon restart')
}

/** What runs a daemon in the foreground, and what starts one in the background: program and words. */
export function daemonCommands(): { readonly run: readonly string[]; readonly start: readonly string[] } {
  const entry = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
  return {
    run: [process.execPath, ...DAEMON_FLAGS, entry, 'daemon', 'run'],
    start: [process.execPath, entry, 'daemon', 'start'],
  }
}

/** Returns what tells why it ended, once it has with a failure. */
function startDetached({ stateDir }: Places): () => string | undefined {
  const [program, ...words] = daemonCommands().run
  const child = spawn(program!, words, {
    cwd: stateDir,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '16',
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || compileCache(),
    },
  })
  let said = ''
  let failure: string | undefined
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4096)
  })
  child.on('error', (error) => {
    failure = error.message
  })
  child.on('exit', (code) => {
    // Another start may have been first: then that one answers.
    if (code !== 0 && !said.includes('is running already')) failure = said.trim() || `exit ${code}`
  })
  child.unref()
  ;(child.stderr as unknown as { unref(): void }).unref()
  return () => failure
}

/** As scripts/pomelo.mjs has it: with it a process needs 30 MiB less, and 0.3 s to start instead of 1. */
function compileCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pomelo', 'node')
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
