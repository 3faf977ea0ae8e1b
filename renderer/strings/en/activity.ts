import type { EventLevel } from '#core/api/events.ts'
import type { TaskKind, TaskState } from '#core/api/tasks.ts'

const kinds: Readonly<Record<TaskKind, string>> = {
  fsck: 'Check volume',
  gc: 'Collect garbage',
  compact: 'Compact files',
  'warm-up': 'Warm up cache',
  'drop-cache': 'Drop from cache',
  pin: 'Keep on this computer',
  'count-space': 'Count space',
  'remove-tree': 'Delete folder',
  'restore-trash': 'Restore from trash',
  clone: 'Clone',
  dump: 'Back up metadata',
  destroy: 'Delete volume',
  create: 'Create volume',
  upload: 'Upload',
  download: 'Download',
}
const states: Readonly<Record<TaskState, string>> = {
  running: 'Running',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
}
const levels: Readonly<Record<EventLevel, string>> = {
  info: 'Information',
  warning: 'Warnings',
  error: 'Errors',
}
const levelOne: Readonly<Record<EventLevel, string>> = {
  info: 'Information',
  warning: 'Warning',
  error: 'Error',
}

export const activity = {
  title: 'Activity',
  kinds,
  states,
  levels,
  levelOne,
  tasks: {
    title: 'Tasks and transfers',
    none: 'Nothing runs, and nothing has run lately.',
    clear: 'Clear ended',
    cancel: 'Cancel',
    pause: 'Pause',
    resume: 'Go on',
    paused: 'Paused',
    pausedSince: (time: string) => `paused for ${time}`,
    retry: 'Run again',
    details: 'Result',
    progress: (title: string) => `Progress of ${title}`,
    of: (done: string, total: string) => `${done} of ${total}`,
    rate: (rate: string) => `${rate}/s`,
    left: (time: string) => `about ${time} left`,
    took: (time: string) => `took ${time}`,
    units: { bytes: '', files: 'files', objects: 'objects', steps: 'steps' },
    items: 'Named by the result',
    itemColumns: { path: 'What', note: 'Why' },
    cancelling: (title: string) => `Cancelling ${title}`,
    retrying: (title: string) => `Running ${title} again`,
    firstItems: (n: string) => `The first ${n}.`,
  },
  uploads: {
    title: 'Uploads of this volume',
    none: 'All changes are uploaded.',
    left: (bytes: string, blocks: string) => `${bytes} in ${blocks} blocks still to upload`,
    oldest: (age: string) => `The oldest waits ${age}.`,
    rate: (up: string) => `Uploading ${up} now.`,
  },
  start: {
    title: 'Look after this volume',
    check: {
      title: 'Check the volume',
      text: 'Looks whether every block that a file names is in the bucket. Reads much, changes nothing.',
      button: 'Check',
    },
    garbage: {
      title: 'Look for leaked objects',
      text: 'Lists the bucket and compares. Tells leaked, pending and too new apart; deletes nothing.',
      button: 'Look',
    },
    compact: {
      title: 'Compact files',
      text: 'Joins the pieces of files that were written in many small steps. Makes reading faster.',
      button: 'Compact',
    },
    backup: {
      title: 'Back up the metadata',
      text: 'Writes names, folders and the places of blocks to a file: what is needed when the metadata server is lost.',
      button: 'Back up…',
    },
    backupFile: 'File to write',
    backupHint: 'An absolute path on this computer.',
    backupStart: 'Back up',
    starting: (what: string) => `Starting: ${what}`,
  },
  events: {
    title: 'What happened',
    table: 'Events, newest first',
    filter: 'Filter',
    levels: 'Levels',
    volume: 'Volume',
    anyVolume: 'Every volume',
    none: 'Nothing like that has happened.',
    more: 'Older',
    columns: { time: 'Time', level: 'Level', volume: 'Volume', what: 'What' },
    reading: 'Reading the events',
  },
  diagnostics: {
    button: 'Diagnostics bundle',
    hint: 'Versions, settings, events and logs for a report. Secrets are taken out; names of files may be in the logs.',
    making: 'Making the diagnostics bundle',
    done: (name: string) => `${name} is saved.`,
  },
}
