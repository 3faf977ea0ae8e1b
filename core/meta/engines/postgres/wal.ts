/** The server's log and its life, as SQL expressions. */

/** Bytes that have been logged so far. */
export const WAL_POSITION = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"

/** Bytes that had been logged at the last checkpoint: all of them survive a crash. */
export const CHECKPOINT_POSITION =
  "(SELECT pg_wal_lsn_diff(checkpoint_lsn, '0/0')::bigint FROM pg_control_checkpoint())"

/**
 * What stays the same for as long as the server loses nothing: it counts its statistics anew after a crash, also after
 * one that its main process survives, and drops every connection then.
 */
export const INCARNATION =
  "concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), (SELECT extract(epoch FROM stats_reset) FROM pg_stat_archiver))"
