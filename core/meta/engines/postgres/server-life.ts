/** The server's log, and whether it has crashed since: as SQL expressions, and what they mean. */

/** Bytes that have been logged so far. */
export const WAL_POSITION = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"

/** Bytes of the log that are known to have survived: up to a checkpoint, or to where the last recovery ended. */
export const SURVIVING_POSITION =
  "(SELECT pg_wal_lsn_diff(greatest(checkpoint_lsn, pg_last_wal_replay_lsn()), '0/0')::bigint FROM pg_control_checkpoint())"

/** When the server's main process was started. It outlives the crash of another one, which the database does not. */
export const STARTED = 'extract(epoch FROM pg_postmaster_start_time())::text'

/**
 * The same, and the processes that belong to no client: after any crash all of them are new, and at all other times
 * some of them (the checkpointer) stay. Everybody may see their numbers, if nothing else of them.
 */
export const INCARNATION = `${STARTED} || ' ' || (SELECT coalesce(string_agg(pid::text, ','), '') FROM pg_stat_activity WHERE datid IS NULL AND usesysid IS NULL)`

/**
 * Whether a server has not crashed between two times at which it was asked for `INCARNATION`; or for `STARTED`, which
 * says less, and decides alone when it is one of the two.
 */
export function isSameServer(before: string, now: string): boolean {
  if (before === now) return true
  const [started, processes] = before.split(' ')
  const [startedNow, processesNow] = now.split(' ')
  if (started !== startedNow) return false
  if (processes === undefined || processesNow === undefined) return true
  const there = processesNow.split(',')
  return processes.split(',').some((pid) => there.includes(pid))
}
