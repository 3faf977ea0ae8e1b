/** Clocks that disagree. Each client writes times and deadlines by its own, and others believe them. */
import type { Finding } from '#core/base/finding.ts'
import { formatDuration } from '#core/base/units.ts'

/** A session whose deadline has passed by another client's clock is cleaned up as dead. Source: fs-semantics.md. */
const SESSION_LIFE_SEC = 60
const NOTICED_SEC = 3
/** S3 refuses requests signed further away than this. */
const SIGNATURE_SEC = 15 * 60

export function metadataClock(offsetMs: number): Finding {
  const sec = Math.abs(offsetMs) / 1000
  const code = 'metadata-clock'
  if (sec < NOTICED_SEC)
    return { level: 'ok', code, sentence: 'The clocks of this machine and of the metadata server agree.' }
  const differ = `The clock of this machine is ${formatDuration(sec)} ${offsetMs > 0 ? 'behind' : 'ahead of'} the metadata server's`
  if (sec < SESSION_LIFE_SEC / 2)
    return {
      level: 'warning',
      code,
      sentence: `${differ}: files written here look as old to others, and build tools may rebuild too much or too little.`,
      next: SYNCHRONIZE,
    }
  const harm =
    offsetMs > 0
      ? 'others may take this mount for dead, drop its locks and remove files it has open'
      : 'this mount may take others for dead, drop their locks and remove files they have open'
  return { level: 'problem', code, sentence: `${differ}: ${harm}.`, next: SYNCHRONIZE }
}

export function bucketClock(offsetMs: number): Finding {
  const sec = Math.abs(offsetMs) / 1000
  const code = 'bucket-clock'
  if (sec < NOTICED_SEC)
    return { level: 'ok', code, sentence: 'The clocks of this machine and of the object store agree.' }
  const differ = `The clock of this machine is ${formatDuration(sec)} ${offsetMs > 0 ? 'behind' : 'ahead of'} the object store's`
  if (sec >= SIGNATURE_SEC)
    return {
      level: 'problem',
      code,
      sentence: `${differ}: the store refuses what is signed with it, so reads and writes fail at first.`,
      next: SYNCHRONIZE,
    }
  return {
    level: sec >= SESSION_LIFE_SEC ? 'warning' : 'note',
    code,
    sentence: `${differ}: the store bears up to 15 minutes, other clients of the volume bear less.`,
    next: SYNCHRONIZE,
  }
}

const SYNCHRONIZE = 'set the clock by the network: timedatectl set-ntp true'
