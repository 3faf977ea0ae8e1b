/**
 * Runs a helper program with a deadline, without ever looking at a mount: programs are found at fixed places, not
 * through PATH, and start in `/`. (A search that touched our own mount would wait for ourselves.)
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/run/wrappers/bin']
const MAX_OUTPUT = 64 * 1024

export interface ChildResult {
  /** Exit code; undefined when it was killed or could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

/** Where a program of the system is. */
export function findProgram(name: string): string | undefined {
  return FOLDERS.map((folder) => `${folder}/${name}`).find((path) => existsSync(path))
}

/**
 * Run `program` and collect what it says. Resolves at the deadline even when the child cannot be killed (a task
 * in the kernel, waiting for a dead mount). `passFd` becomes its descriptor 3.
 */
export function runChild(
  program: string,
  args: readonly string[],
  options: {
    readonly timeoutMs: number
    readonly passFd?: number
    readonly env?: Readonly<Record<string, string>>
  },
): Promise<ChildResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.passFd === undefined ? [] : [options.passFd])],
    })
    let stdout = ''
    let stderr = ''
    const end = (code: number | undefined, timedOut: boolean): void => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr, timedOut })
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.stdout?.destroy()
      child.stderr?.destroy()
      child.unref()
      end(undefined, true)
    }, options.timeoutMs)
    child.stdout
      ?.setEncoding('utf8')
      .on('data', (text: string) => (stdout = (stdout + text).slice(0, MAX_OUTPUT)))
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (stderr = (stderr + text).slice(0, MAX_OUTPUT)))
    child.on('error', (error) => {
      stderr += error.message
      end(undefined, false)
    })
    child.on('close', (code) => end(code ?? undefined, false))
  })
}
