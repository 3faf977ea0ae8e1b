/**
 * How the shell comes to the daemon: it asks Pomelo's own command line, which starts the daemon when none runs, for an
 * address of the interface with a single-use code in it. No port, no socket and no token is known here beforehand.
 */
import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { type DaemonProgram, daemonEnvironment } from './daemon-program.ts'
import { loopbackOrigin } from './origins.ts'

/** A cold start of Node, the daemon and its first look at running mounts, on a slow machine. */
const START_MS = 60_000
const SIGN_IN_MS = 10_000
const MOST_OUTPUT = 64 * 1024
/** `pomelo ui` prints the address instead of opening a browser. */
const UI = ['ui', '--no-open', '--json']
const RESTART = ['daemon', 'restart']

export interface Address {
  /** With the code in its fragment. */
  readonly url: string
  readonly origin: string
  readonly code: string
}

/** A reason for people, with what the command line said. */
export class DoorError extends Error {}

/** An address for one sign-in; starts the daemon when none runs. Errors: DoorError. */
export async function knock(program: DaemonProgram): Promise<Address> {
  const { code, stdout, stderr } = await run(program, UI)
  if (code !== 0)
    throw new DoorError(`Pomelo’s background service could not be started: ${lastWords(stderr, code)}`)
  const address = addressOf(stdout)
  if (address === undefined)
    throw new DoorError('Pomelo’s background service gave no address of the interface.')
  return address
}

/** End the daemon that runs and start that of `program`: mounts go on. Errors: DoorError. */
export async function restartDaemon(program: DaemonProgram): Promise<void> {
  const { code, stderr } = await run(program, RESTART)
  if (code !== 0)
    throw new DoorError(`Pomelo’s background service could not be updated: ${lastWords(stderr, code)}`)
}

/** The address in what `pomelo ui --json` prints; undefined when it is none on this computer's loopback. */
export function addressOf(stdout: string): Address | undefined {
  try {
    const { url } = JSON.parse(stdout) as { readonly url?: unknown }
    if (typeof url !== 'string') return undefined
    const origin = loopbackOrigin(url)
    const code = /#code=([\w-]+)$/.exec(url)?.[1]
    return origin === undefined || code === undefined ? undefined : { url, origin, code }
  } catch {
    return undefined
  }
}

function lastWords(stderr: string, code: number | null): string {
  const said = stderr.trim().split('\n').slice(-3).join('\n')
  return said === '' ? `it ended with code ${code}` : said
}

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run({ node, script, root }: DaemonProgram, command: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(node, [script, ...command], {
      cwd: root,
      env: daemonEnvironment(process.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
    const end = (result: Result): void => {
      clearTimeout(timer)
      resolve(result)
    }
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(0, MOST_OUTPUT)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MOST_OUTPUT)
    })
    child.on('error', (error) => end({ code: -1, stdout, stderr: error.message }))
    child.on('close', (code) => end({ code, stdout, stderr }))
  })
}

/** Exchange the code for a token. (`signIn` of core/api does it with `fetch`, which old Electrons lack here.) */
export function signIn({ origin, code }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ code })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), origin }
    const asked = request(
      `${origin}/api/sign-in`,
      { method: 'POST', headers, timeout: SIGN_IN_MS },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text = (text + chunk).slice(0, MOST_OUTPUT)
        })
        answer.on('end', () => {
          const token = answer.statusCode === 200 ? tokenOf(text) : undefined
          if (token === undefined) reject(new DoorError('Pomelo’s background service refused to sign in.'))
          else resolve(token)
        })
        answer.on('error', reject)
      },
    )
    asked.on('timeout', () => asked.destroy(new DoorError('Pomelo’s background service does not answer.')))
    asked.on('error', reject)
    asked.end(body)
  })
}

function tokenOf(text: string): string | undefined {
  try {
    const { token } = JSON.parse(text) as { readonly token?: unknown }
    return typeof token === 'string' ? token : undefined
  } catch {
    return undefined
  }
}
