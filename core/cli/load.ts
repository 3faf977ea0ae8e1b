import { createReadStream, existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { openSource } from '#core/admin/dump/dump-source.ts'
import { type LoadReport, loadVolume } from '#core/admin/dump/load.ts'
import { missingSecrets, withSecrets } from '#core/admin/dump/secrets.ts'
import { type Contents, withRandomAccess } from '#core/admin/dump/segment-file.ts'
import { recordsOf } from '#core/admin/dump/segment-text.ts'
import { redactUrl } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatCount } from '#core/base/units.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { openEngine } from '#core/meta/open-meta.ts'
import { publicSetting } from '#core/meta/setting-secrets.ts'
import { unsealer } from '#core/object/unsealer.ts'
import { completeMetaUrl, sqliteFile } from '#core/volume/meta-url.ts'
import { type Call, defineCommand } from './command.ts'
import { progressText, warnings } from './dump.ts'
import { volumeLocation } from './operands.ts'
import { UsageError } from './options.ts'
import { secretFromFile } from './secrets.ts'
import { keepMemorySteady } from './steady-memory.ts'
import { toolLog } from './volumes.ts'

const OPTIONS = {
  'secret-key-file': {
    kind: 'text',
    value: 'FILE',
    help: 'the secret key that the dump left out (or $SECRET_KEY)',
  },
  'encrypt-rsa-key': {
    kind: 'text',
    value: 'FILE',
    help: 'RSA key of the volume, for a dump that is encrypted or left it out (passphrase in JFS_RSA_PASSPHRASE)',
  },
  'encrypt-algo': {
    kind: 'text',
    value: 'HOW',
    default: 'aes256gcm-rsa',
    choices: ['aes256gcm-rsa', 'chacha20-rsa'],
    help: 'how the dump is encrypted',
  },
  stat: { kind: 'flag', help: 'load nothing: say what the binary dump FILE holds' },
  offset: {
    kind: 'number',
    min: -1,
    help: 'with --stat: where segments begin (-1), or the records of the one that begins there',
  },
  binary: { kind: 'flag', hidden: true, help: 'the form is found out' },
  threads: { kind: 'number', hidden: true, help: 'accepted for scripts of the reference client' },
} as const

type LoadCall = Call<typeof OPTIONS>

export const load = defineCommand({
  name: 'load',
  operands: 'META-URL [FILE] | --stat FILE',
  arity: [1, 2],
  summary: 'Make a volume of dumped metadata, in an empty place.',
  description: `
Takes both forms, plain, gzip or zstd, from a file or from standard input; with \`pomelo dump\` it moves a volume to
another metadata engine. The data stay in their bucket: do not use the old metadata any more.
When it fails or is interrupted the place is empty again. A backup in the bucket is loaded by \`pomelo backup restore\`.`,
  options: OPTIONS,
  examples: [
    'pomelo load postgres://team@host/team team.json.gz',
    'pomelo dump sqlite3:///team.db | pomelo load redis://host/1',
    'pomelo load --stat team.bin',
  ],
  async run(call) {
    const { operands } = call
    if (call.options.stat) return showContents(call)
    if (call.given.has('offset')) throw new UsageError('--offset belongs to --stat')
    const { metaUrl } = volumeLocation(operands[0]!)
    const path = operands[1]
    const source = path === undefined || path === '-' ? process.stdin : createReadStream(path)
    const report = await loadInto(call, metaUrl, source, await loadOptions(call))
    showLoaded(call, metaUrl, report)
    return 0
  },
})

/** `--stat`: what a binary dump holds. Packed ones are unpacked on the way. */
async function showContents(call: LoadCall): Promise<undefined> {
  const { operands, options, out } = call
  if (operands.length > 1) throw new UsageError('--stat takes the dump only')
  const { unseal } = await loadOptions(call)
  const { format, bytes } = await openSource(createReadStream(operands[0]!), unseal)
  if (format !== 'binary')
    throw new Refusal(
      `${operands[0]} is a JSON dump`,
      'it can be read as it is; --stat is for the binary form',
    )
  await withRandomAccess(bytes, async (file) => {
    if (options.offset !== undefined && options.offset >= 0) {
      out.printJson(await recordsOf(file, await file.segmentAt(options.offset)))
      return
    }
    const contents = await file.contents()
    out.data(contents, () => showKinds(out, contents, options.offset === -1))
  })
  return undefined
}

function showKinds(out: LoadCall['out'], { version, kinds }: Contents, places: boolean): void {
  out.print(`backup version ${version}`)
  out.table(
    places ? ['kind', 'records', 'segments begin at'] : ['kind', 'records'],
    kinds.map(({ name, records, offsets }) => [
      name,
      formatCount(records),
      ...(places ? [offsets.join(' ')] : []),
    ]),
    [1],
  )
}

async function loadOptions({ options, env }: LoadCall) {
  const keyFile = options['encrypt-rsa-key']
  const keyPem = keyFile === undefined ? undefined : await readFile(keyFile, 'utf8')
  const secrets = {
    SecretKey: (await secretFromFile(options['secret-key-file'])) ?? env.SECRET_KEY,
    SessionToken: env.SESSION_TOKEN,
    EncryptKey: keyPem,
  }
  return {
    setting: (dumped: LoadReport['setting']) => withSecrets(dumped, secrets),
    unseal:
      keyPem === undefined
        ? undefined
        : unsealer({ keyPem, passphrase: env.JFS_RSA_PASSPHRASE, algorithm: options['encrypt-algo'] }),
  }
}

/** Load, with progress, into what `metaUrl` names; a file that was made for it goes when nothing came of it. */
export async function loadInto(
  call: Pick<Call, 'out' | 'env' | 'signal'>,
  metaUrl: string,
  source: AsyncIterable<Uint8Array>,
  options: Parameters<typeof loadVolume>[2],
): Promise<LoadReport> {
  keepMemorySteady()
  const file = sqliteFile(metaUrl)
  const isNew = file !== undefined && !existsSync(file)
  const engine = await openEngine(completeMetaUrl(metaUrl, call.env.META_PASSWORD), {
    create: true,
    log: toolLog(call),
  })
  try {
    const report = await withProgress(call, engine, source, options)
    await engine.close()
    return report
  } catch (error) {
    await engine.close().catch(() => {})
    if (isNew) for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true })
    throw error
  }
}

async function withProgress(
  call: Pick<Call, 'out' | 'signal'>,
  engine: MetaEngine,
  source: AsyncIterable<Uint8Array>,
  options: Parameters<typeof loadVolume>[2],
): Promise<LoadReport> {
  const progress = call.out.progress('Loading')
  const report = await loadVolume(engine, source, options, {
    signal: call.signal,
    onProgress: ({ entries, total }) => progress.update(progressText(entries, total)),
    onWarning: warnings(call),
  })
  call.out.endProgress()
  return report
}

/** What there is now, and what is still to be done. */
export function showLoaded({ out }: Pick<Call, 'out'>, metaUrl: string, report: LoadReport): void {
  const { setting, entries } = report
  const missing = missingSecrets(setting)
  const shown = redactUrl(metaUrl)
  out.data({ entries, setting: publicSetting(setting), missingSecrets: missing }, () => {
    out.print(`volume ${setting.Name} is loaded: ${formatCount(entries)} entries`)
    if (missing.length === 0) out.note(`  → pomelo fsck ${shown}`)
  })
  if (missing.length === 0) return
  out.warn(`the dump does not hold ${missing.join(' and ')}: the data cannot be reached before that is set`)
  out.note(
    missing.includes('EncryptKey')
      ? '  → load again with --encrypt-rsa-key FILE'
      : `  → ACCESS_KEY=… SECRET_KEY=… pomelo config --keys ${shown}`,
  )
}
