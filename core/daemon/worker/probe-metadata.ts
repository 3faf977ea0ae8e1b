/** Is there a metadata server at this address, how does it feel, and is there a volume in it? Changes nothing. */
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { examineMetadata, METADATA_ADVICE } from '#core/admin/doctor/metadata.ts'
import { formatMs } from '#core/admin/doctor/timings.ts'
import { trouble } from '#core/admin/doctor/trouble.ts'
import type { FoundVolume, MetadataAnswer } from '#core/api/probes.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Finding, worstLevel } from '#core/base/finding.ts'
import { redactUrl } from '#core/base/redact.ts'
import { formatSize } from '#core/base/units.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, openEngine } from '#core/meta/open-meta.ts'
import { unwrapSecrets } from '#core/meta/setting-secrets.ts'
import { completeMetaUrl, sqliteFile } from '#core/volume/meta-url.ts'
import { formatOf } from '#core/volume/volume-format.ts'
import { engineKind } from '../engine-kind.ts'

export async function probeMetadata(
  text: string,
  password: string | undefined,
  signal: AbortSignal,
): Promise<MetadataAnswer> {
  const url = completeMetaUrl(text, password)
  const address = redactUrl(text)
  const base = { engine: engineKind(url), address, roundTripMs: null, volume: null }
  let engine: MetaEngine
  try {
    engine = await openEngine(url, { readOnly: true })
  } catch (error) {
    if (error instanceof BackendError && error.kind === 'not-found') {
      const place = await newFile(url)
      if (place !== undefined) return { ...base, ...place }
    }
    const finding = trouble('metadata-unavailable', error, METADATA_ADVICE)
    return { ...base, ok: false, sentence: finding.sentence, findings: [finding] }
  }
  try {
    const { findings, figures } = await examineMetadata(engine)
    signal.throwIfAborted()
    if (figures === undefined) return { ...base, ok: false, sentence: findings[0]!.sentence, findings }
    const { volume, problem } = await lookForVolume(engine)
    const all = problem === undefined ? findings : [...findings, problem]
    const { medianMs } = figures.roundTrip
    return {
      ...base,
      ok: worstLevel(all) !== 'problem',
      sentence: `Answers in ${formatMs(medianMs)}${volume === null ? ', holds no volume yet' : `, holds the volume “${volume.volumeName}” with ${formatSize(volume.usedBytes)}`}.`,
      roundTripMs: medianMs,
      findings: all,
      volume,
    }
  } finally {
    await engine.close()
  }
}

/** A SQLite file that is still to be made is fine where its folder can be written. */
async function newFile(
  url: string,
): Promise<Pick<MetadataAnswer, 'ok' | 'sentence' | 'findings'> | undefined> {
  const file = sqliteFile(url)
  if (file === undefined) return undefined
  const writable = await access(dirname(file), constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!writable) return undefined
  return { ok: true, sentence: `A new file will be made in ${dirname(file)}.`, findings: [] }
}

async function lookForVolume(
  engine: MetaEngine,
): Promise<{ readonly volume: FoundVolume | null; readonly problem?: Finding }> {
  const [text] = await engine.read([{ kind: 'setting' }])
  if (text === null) return { volume: null }
  try {
    const setting = unwrapSecrets(await loadSetting(engine))
    const [usedBytes, usedInodes] = await engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
    ])
    const sessions = await engine.list({ kind: 'sessions' }, { limit: 1000 })
    const nowSec = Date.now() / 1000
    return {
      volume: {
        ...formatOf(setting),
        usedBytes: Number(usedBytes ?? 0),
        usedInodes: Number(usedInodes ?? 0),
        sessions: sessions.items.filter(({ expire }) => expire > nowSec).length,
        needsPassphrase: /ENCRYPTED/.test(setting.EncryptKey ?? ''),
        hasKeys: setting.Storage === 'file' || Boolean(setting.AccessKey && setting.SecretKey),
        knownAs: null,
      },
    }
  } catch (error) {
    return { volume: null, problem: trouble('setting', error) }
  }
}
