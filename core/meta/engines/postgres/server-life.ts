/** The server's log, and whether it has crashed since: as SQL expressions, and what they mean. */

/** Bytes that have been logged so far. */
export const WAL_POSITION = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"

/**
 * What this start of the server found of the time before, as a row: `position`, bytes of the log; `number`, above those
 * of all transactions in it. After a crash a checkpoint tells, which is made as soon as recovery has ended.
 */
export const SURVIVED = `(
  SELECT pg_wal_lsn_diff(coalesce(replayed, checkpoint_lsn), '0/0')::bigint AS position,
    CASE WHEN checkpoint_lsn >= replayed
      THEN split_part(next_xid, ':', 1)::bigint * 4294967296 + split_part(next_xid, ':', 2)::bigint
      ELSE txid_snapshot_xmax(txid_current_snapshot()) END AS number
  FROM pg_control_checkpoint(), pg_last_wal_replay_lsn() AS replayed) AS survived`

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

/** Where the server's log was once, and the number of a transaction in it. */
export interface LogPoint {
  /** In bytes. */
  readonly position: number
  readonly number: number
}

interface Life {
  readonly incarnation: string
  /** As far as it is known. */
  survived: LogPoint | undefined
}

/** Lives that are remembered. */
const MOST = 1_000

/** The server between its crashes, as this client has met it. */
export class ServerLives {
  readonly #lives: Life[] = []
  #crashes = 0

  /** Grows when the server is met again after a crash. */
  get crashes(): number {
    return this.#crashes
  }

  /** A connection was made. Returns whether what has survived until then is to be asked for, and told with `begin`. */
  meet(incarnation: string): boolean {
    const last = this.#lives.at(-1)
    if (last === undefined || !isSameServer(last.incarnation, incarnation)) {
      if (last !== undefined) this.#crashes++
      this.#lives.push({ incarnation, survived: undefined })
      if (this.#lives.length > MOST) this.#lives.shift()
    }
    return this.#crashes > 0 && this.#lives.at(-1)!.survived === undefined
  }

  /** What that life has found when it began. */
  begin(incarnation: string, survived: LogPoint): void {
    const life = this.#lives.findLast((met) => isSameServer(met.incarnation, incarnation))
    if (life !== undefined) life.survived = survived
  }

  /**
   * Whether something of the life `incarnation` was still there at the beginning of every later one: what is lost once
   * stays so, though the log grows past it again and numbers of transactions are given out anew. A life in which this
   * client did not come to connect is not known of.
   */
  outlived(incarnation: string, { position, number }: LogPoint): boolean {
    const at = this.#lives.findLastIndex((life) => isSameServer(life.incarnation, incarnation))
    return this.#lives
      .slice(at + 1)
      .every(
        ({ survived }) =>
          survived === undefined || (position <= survived.position && number < survived.number),
      )
  }
}
