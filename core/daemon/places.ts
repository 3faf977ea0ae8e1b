/** Where the daemon of this user keeps its files. Nothing here is readable by others. */
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { controlFolder } from '#core/volume/control-folder.ts'

export interface Places {
  readonly stateDir: string
  /** Profiles, settings, events, history; never a secret. */
  readonly database: string
  readonly secrets: string
  readonly log: string
  /** Of volume processes the daemon starts. */
  readonly volumeLog: string
  readonly runtimeDir: string
  /** The API for tools of this user: a unix socket. Not named `.sock`, as those are volume processes. */
  readonly socket: string
}

/** The folders exist, mode 0700, when this resolves. Refusal when somebody else could have put them there. */
export async function daemonPlaces(env: NodeJS.ProcessEnv = process.env): Promise<Places> {
  const stateDir = stateFolder(env)
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const runtimeDir = await controlFolder(env)
  return {
    stateDir,
    database: join(stateDir, 'daemon.db'),
    secrets: join(stateDir, 'secrets.json'),
    log: join(stateDir, 'daemon.log'),
    volumeLog: join(stateDir, 'volumes.log'),
    runtimeDir,
    socket: join(runtimeDir, 'daemon.socket'),
  }
}

function stateFolder(env: NodeJS.ProcessEnv): string {
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'pomelo')
  if (process.getuid?.() === 0) return '/var/lib/pomelo'
  return join(homedir(), '.local', 'state', 'pomelo')
}
