/** A session bus and an unlocked GNOME keyring of our own, for tests of the keychain. */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { end } from './servers.ts'
import { distroProgram, type Tool } from './tools.ts'
import { run } from './volume.ts'

const SERVICE = 'org.freedesktop.secrets'
const READY_MS = 15_000

export interface Keyring {
  /** DBUS_SESSION_BUS_ADDRESS. */
  readonly address: string
  stop(): Promise<void>
}

/** The keyring's program, or why there is none: the reason to skip under. */
export async function keyringProgram(): Promise<Tool> {
  const bus = await distroProgram('dbus-daemon', 'dbus')
  return bus.path === undefined ? bus : distroProgram('gnome-keyring-daemon', 'gnome-keyring')
}

/** `env` names the home folder that the keyring is kept in. */
export async function startKeyring(program: string, env: Readonly<Record<string, string>>): Promise<Keyring> {
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const address = await firstLine(bus)
  const keyring = spawn(program, ['--unlock', '--foreground', '--components=secrets'], {
    env: { ...process.env, ...env, DBUS_SESSION_BUS_ADDRESS: address },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  keyring.stdin.end('the password of a test')
  const stop = async (): Promise<void> => {
    await end(keyring)
    await end(bus)
  }
  const deadline = performance.now() + READY_MS
  while (!(await hasOwner(address))) {
    if (performance.now() > deadline) {
      await stop()
      throw new Error(`${SERVICE} did not come within ${READY_MS / 1000} s`)
    }
    await sleep(100)
  }
  return { address, stop }
}

async function hasOwner(address: string): Promise<boolean> {
  const ask = [
    '--session',
    '--print-reply',
    '--dest=org.freedesktop.DBus',
    '/',
    'org.freedesktop.DBus.NameHasOwner',
  ]
  const { stdout } = await run('dbus-send', [...ask, `string:${SERVICE}`], {
    env: { DBUS_SESSION_BUS_ADDRESS: address },
    timeoutMs: 5000,
  })
  return stdout.includes('boolean true')
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.trim())
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error('dbus-daemon ended at once')))
  })
}
