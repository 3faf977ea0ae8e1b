/** Names of metadata backups: `dump-YYYY-MM-DD-hhmmss.json.gz` in UTC. Source: admin-tools.md §9.4. */

const PREFIX = 'meta/'
const NAME = /^dump-(\d{4})-(\d\d)-(\d\d)-(\d\d)(\d\d)(\d\d)\.json\.gz$/

/** Before the name of every backup's key. */
export const BACKUP_PREFIX = PREFIX

export function backupName(sec: number): string {
  const [date, time] = new Date(sec * 1000).toISOString().split(/[T.]/) as [string, string]
  return `dump-${date}-${time.replaceAll(':', '')}.json.gz`
}

/** Unix seconds of a backup by its name; undefined for what is none. */
export function backupTime(name: string): number | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const sec = Date.UTC(year, month - 1, day, hour, minute, second) / 1000
  // The 31st of February and the like.
  return backupName(sec) === name ? sec : undefined
}
