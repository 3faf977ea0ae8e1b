/** A runner's phase and its process' numbers as the state people read: word, line, action. */
import type { VolumeStatus } from '#core/api/states.ts'
import type { PendingUploads } from '#core/api/volumes.ts'
import { formatDuration, formatSize } from '#core/base/units.ts'
import type { WriteRefusal } from '#core/meta/write-health.ts'
import type { VolumeLink } from './volume-link.ts'
import { type Phase, SILENT_MS, type VolumeRunner } from './volume-runner.ts'

/** A bucket that fails for less is not worth a word. */
const FAILING_MS = 3000
/** With nothing to upload, a failure so long ago says nothing about now. */
const FORGOTTEN_MS = 60_000
const DENIED = 2

export function pendingOf(link: VolumeLink | undefined): PendingUploads {
  if (link === undefined) return { blocks: 0, bytes: 0, oldestMs: null }
  const staged = link.metric('staging_blocks')
  if (staged > 0) {
    // What is staged is on its way up, too: its buffers are not counted again.
    return {
      blocks: staged,
      bytes: link.metric('staging_block_bytes'),
      oldestMs: link.metric('staging_oldest_seconds') * 1000,
    }
  }
  const open = link.metric('vfs_open_slices')
  return {
    blocks: link.metric('object_request_uploading') + (open > 0 ? 1 : 0),
    // Buffers count while something is being written: else they are reads on their way.
    bytes: open > 0 ? link.metric('used_buffer_size_bytes') : 0,
    oldestMs: null,
  }
}

export function statusOf(runner: VolumeRunner): VolumeStatus {
  const { phase } = runner
  const { sinceMs } = phase
  switch (phase.kind) {
    case 'unmounted':
      return { state: 'unmounted', line: 'Not mounted on this computer.', action: 'mount', sinceMs }
    case 'mounting':
      return {
        state: 'mounting',
        line: `Connecting to the metadata server… ${Math.max(0, Math.round((Date.now() - sinceMs) / 1000))} s`,
        action: 'cancel',
        sinceMs,
      }
    case 'unmounting':
      return { state: 'unmounting', sinceMs, ...unmountingLine(phase), unmount: phase.progress }
    case 'failed':
      return {
        state: 'failed',
        line: phase.failure.message,
        action: phase.failure.action,
        sinceMs,
        detail: phase.failure.message,
        next: phase.failure.next,
        retryAtMs: phase.retryAtMs,
        attempt: phase.attempt,
      }
    case 'serving':
      return servingStatus(phase.link, sinceMs, runner.kernelWaiting)
    default:
      return phase satisfies never
  }
}

function unmountingLine({
  progress,
}: Extract<Phase, { kind: 'unmounting' }>): Pick<VolumeStatus, 'line' | 'action'> {
  const [holder] = progress.holders
  if (holder !== undefined) {
    const [use] = holder.uses
    const more = progress.holders.length > 1 ? ` and ${progress.holders.length - 1} more` : ''
    return {
      line: `${holder.command} (pid ${holder.pid})${more} holds ${use?.path ?? 'it'}`,
      action: 'force',
    }
  }
  switch (progress.step) {
    case 'flushing':
    case 'uploading':
      return { line: `Waiting for uploads: ${formatSize(progress.pendingBytes)} to go.`, action: 'force' }
    case 'busy':
      return { line: 'Some process holds it that you may not look into.', action: 'force' }
    case 'forcing':
      return { line: 'Flushing for a moment, then cutting the connection…', action: 'force' }
    case 'aborting':
      return { line: 'Cutting the connection…', action: null }
    default:
      return progress.step satisfies never
  }
}

function servingStatus(link: VolumeLink, sinceMs: number, kernelWaiting: number | null): VolumeStatus {
  if (link.silentMs > SILENT_MS) {
    return {
      state: 'unresponsive',
      line: `No heartbeat for ${Math.round(link.silentMs / 1000)} s${waitingText(kernelWaiting)}.`,
      action: 'restart',
      sinceMs: Date.now() - link.silentMs,
      next: 'A restart cuts the connection: programs that use files there get errors, unsaved writes are lost.',
    }
  }
  const pending = pendingOf(link)
  const trouble = backendTrouble(link, pending)
  if (trouble !== undefined) return trouble
  if (pending.blocks > 0 || pending.bytes > 0) {
    const age = pending.oldestMs === null ? '' : `, oldest ${formatDuration(pending.oldestMs / 1000)}`
    const blocks = `${pending.blocks} ${pending.blocks === 1 ? 'block' : 'blocks'}`
    return {
      state: 'uploading',
      line: `${blocks}, ${formatSize(pending.bytes)} still to upload${age}.`,
      action: 'show-uploads',
      sinceMs,
    }
  }
  if (link.status.readOnly) return { ...MOUNTED_READ_ONLY, sinceMs }
  return { state: 'mounted', line: 'All changes are uploaded.', action: 'open-folder', sinceMs }
}

const MOUNTED_READ_ONLY = {
  state: 'read-only',
  line: 'Files can be read, not changed.',
  action: 'details',
  detail: 'It is mounted read-only on this computer.',
  next: 'To change files, switch off “read-only” in its settings here and mount it again.',
} as const

/** By kind of refusal: why, and what helps. */
const REFUSALS = {
  'no-space': {
    why: 'it is full',
    next: 'Make room for it (Redis: raise maxmemory; PostgreSQL and SQLite: free space on its disk). Writes go on by themselves then.',
  },
  'read-only': {
    why: 'it is a replica, or set to read only',
    next: 'Promote it, or give this volume the address of the server that takes writes.',
  },
  denied: {
    why: 'its user lacks the right',
    next: 'Give the user of this volume’s address the right to write.',
  },
} as const

function refusedStatus({ kind, sinceMs, message }: WriteRefusal): VolumeStatus {
  const { why, next } = REFUSALS[kind]
  return {
    state: 'read-only',
    line: `The metadata server accepts no writes: ${why} (since ${clockText(sinceMs)}). Files can be read.`,
    action: 'details',
    sinceMs,
    detail: `Programs that write get an error; what was saved before is safe. ${message}`,
    next,
  }
}

function waitingText(requests: number | null): string {
  if (requests === null || requests === 0) return ''
  return requests === 1 ? '; a program waits for it' : `; ${requests} requests of programs wait`
}

/** Undefined while both backends answer. */
function backendTrouble(link: VolumeLink, pending: PendingUploads): VolumeStatus | undefined {
  const meta = link.report?.meta
  if (meta !== undefined && meta.failingSinceMs > 0) {
    return {
      state: 'waiting',
      line: `The metadata server does not answer (since ${clockText(meta.failingSinceMs)}). Programs wait for it.`,
      action: 'details',
      sinceMs: meta.failingSinceMs,
      detail: meta.error,
      next: 'Check the server and the network; the volume goes on by itself when it answers.',
    }
  }
  if (meta?.refusal !== undefined) return refusedStatus(meta.refusal)
  const failingSinceMs = link.metric('object_request_failing_since_seconds') * 1000
  if (failingSinceMs === 0 || Date.now() - failingSinceMs < FAILING_MS) return undefined
  if (pending.blocks === 0 && link.sinceStoreErrorMs > FORGOTTEN_MS) return undefined
  const safe = pending.bytes > 0 ? `; ${formatSize(pending.bytes)} wait here safely` : ''
  if (link.metric('object_request_failing_kind') === DENIED) {
    return {
      state: 'waiting',
      line: `The bucket refuses our keys (since ${clockText(failingSinceMs)})${safe}.`,
      action: 'edit-keys',
      sinceMs: failingSinceMs,
      next: 'Enter the keys that are valid now.',
    }
  }
  return {
    state: 'waiting',
    line: `The bucket does not answer (since ${clockText(failingSinceMs)}). Files in cache can be read${safe}.`,
    action: 'details',
    sinceMs: failingSinceMs,
    next: 'Check the network; uploads go on by themselves when it answers.',
  }
}

function clockText(ms: number): string {
  const at = new Date(ms)
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`
}
