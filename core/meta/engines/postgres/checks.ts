/** What a PostgreSQL server's version, settings and rights mean for a volume in it. */
import type { Finding } from '#core/base/finding.ts'
import type { Call } from './batch.ts'
import type { Connection } from './connection.ts'
import type { Where } from './schema.ts'
import { Prepared } from './statement.ts'
import { endpointText } from './url.ts'

/** Oldest that has all we use (upserts, txid_status). */
const OLDEST = 100_000
/** Releases before this get no corrections any more. */
const MAINTAINED = 140_000
const ROUND_TRIPS = 15
/** Above this every operation is felt. */
const FAR_MS = 5

const SERVER = new Prepared(
  "SELECT current_setting('server_version_num')::integer, current_setting('server_version')::text, pg_is_in_recovery(), (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only'), current_setting('fsync')::text, current_setting('full_page_writes')::text, reset_val FROM pg_settings WHERE name = 'synchronous_commit'",
)
const RIGHTS = new Prepared(
  "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1::text), coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1::text), false), has_database_privilege(current_database(), 'TEMP'), coalesce((SELECT has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE s.nspname = $1::text AND c.relname = $2::text), true), current_setting('server_encoding')::text",
)
const CLIENTS = new Prepared(
  "SELECT current_setting('max_connections')::integer, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
)
const TIME = new Prepared('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8')
const NOTHING = new Prepared('SELECT 1')

export async function serverTimeMs(connection: Connection): Promise<number> {
  const [answer] = await connection.run([{ statement: TIME, params: [] }])
  return Number(answer!.rows[0]![0])
}

const SPACE = new Prepared(
  "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE s.nspname = $1::text AND starts_with(c.relname::text, $2::text) AND c.relkind = 'r'",
)

/** Bytes of the volume's tables with their indexes; the server knows of no limit. */
export async function spaceUsed(
  connection: Connection,
  { schema, prefix }: Where,
): Promise<{ readonly usedBytes: number; readonly limitBytes: number | null }> {
  const [answer] = await connection.run([{ statement: SPACE, params: [schema, prefix] }])
  return { usedBytes: answer!.rows[0]![0] as number, limitBytes: null }
}

export async function examineServer(
  connection: Connection,
  where: Where,
  role: string,
): Promise<readonly Finding[]> {
  const calls: Call[] = [
    { statement: SERVER, params: [] },
    { statement: RIGHTS, params: [where.schema, `${where.prefix}node`] },
    { statement: CLIENTS, params: [] },
  ]
  const [server, rights, clients] = await connection.run(calls)
  return [
    ...serverFindings(server!.rows[0]!),
    ...rightsFindings(rights!.rows[0]!, where.schema, role),
    ...clientFindings(clients!.rows[0]!),
    ...poolerFindings(connection),
    await roundTrip(connection),
  ]
}

function serverFindings(row: readonly unknown[]): Finding[] {
  const [number, version, standby, readOnly, fsync, pages, synchronous] = row as [
    number,
    string,
    boolean,
    string,
    string,
    string,
    string,
  ]
  const findings: Finding[] = [
    number < OLDEST
      ? {
          level: 'problem',
          code: 'postgres-version',
          sentence: `PostgreSQL ${version} is too old for this client`,
          next: 'upgrade the server to version 14 or later',
        }
      : number < MAINTAINED
        ? {
            level: 'warning',
            code: 'postgres-version',
            sentence: `PostgreSQL ${version} gets no corrections any more`,
            next: 'upgrade the server',
          }
        : { level: 'ok', code: 'postgres-version', sentence: `PostgreSQL ${version}` },
  ]
  if (standby || readOnly === 'on')
    findings.push({
      level: 'problem',
      code: 'postgres-read-only',
      sentence: standby
        ? 'the server is a standby: the volume can be read and not written'
        : 'transactions are read only for this role: the volume can be read and not written',
      next: standby
        ? 'use the address of the primary, or promote this server'
        : 'set default_transaction_read_only to off',
    })
  if (fsync !== 'on' || pages !== 'on')
    findings.push({
      level: 'problem',
      code: 'postgres-fsync',
      sentence: `${fsync !== 'on' ? 'fsync' : 'full_page_writes'} is off on the server: a power cut can destroy the whole database`,
      next: 'set fsync and full_page_writes to on in postgresql.conf',
    })
  if (synchronous === 'off')
    findings.push({
      level: 'warning',
      code: 'postgres-synchronous-commit',
      sentence:
        'synchronous_commit is off on the server: what was written in the last second before its crash and not fsynced is lost',
      next: 'set synchronous_commit to on for this database, unless that is meant',
    })
  return findings
}

function rightsFindings(row: readonly unknown[], schema: string, role: string): Finding[] {
  const [exists, create, temporary, tables, encoding] = row as [boolean, boolean, boolean, boolean, string]
  const findings: Finding[] = []
  if (!exists)
    findings.push({
      level: 'problem',
      code: 'postgres-schema',
      sentence: `there is no schema "${schema}" in this database`,
      next: `CREATE SCHEMA "${schema}", or correct search_path in the address`,
    })
  else if (!create)
    findings.push({
      level: 'problem',
      code: 'postgres-create',
      sentence: `role "${role}" may not make tables in schema "${schema}": no volume can be formatted or upgraded`,
      next: `GRANT CREATE ON SCHEMA "${schema}" TO "${role}"`,
    })
  if (!tables)
    findings.push({
      level: 'problem',
      code: 'postgres-rights',
      sentence: `role "${role}" may not read and write the tables of the volume`,
      next: `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO "${role}", and USAGE ON ALL SEQUENCES`,
    })
  if (!temporary)
    findings.push({
      level: 'warning',
      code: 'postgres-temporary',
      sentence: `role "${role}" may make no temporary functions: every change takes two round trips instead of one`,
      next: `GRANT TEMPORARY ON DATABASE … TO "${role}"`,
    })
  if (encoding !== 'UTF8')
    findings.push({
      level: 'problem',
      code: 'postgres-encoding',
      sentence: `the database is encoded in ${encoding}; names of extended attributes need UTF8`,
      next: 'make a database with ENCODING UTF8 for the volume',
    })
  return findings
}

function clientFindings(row: readonly unknown[]): Finding[] {
  const [most, now] = row as [number, number]
  if (now < most * 0.8) return []
  return [
    {
      level: 'warning',
      code: 'postgres-clients',
      sentence: `the server has ${now} clients of at most ${most}: soon it will refuse more`,
      next: 'raise max_connections, or lower max_open_conns in the address of each client',
    },
  ]
}

function poolerFindings(connection: Connection): Finding[] {
  if (!connection.pooled) return []
  return [
    {
      level: 'warning',
      code: 'postgres-pooler',
      sentence: `a connection pooler answers at ${endpointText(connection.endpoint)}: every change takes two round trips instead of one, and statements are prepared each time`,
      next: 'use the address of the server itself; this client keeps few connections',
    },
  ]
}

async function roundTrip(connection: Connection): Promise<Finding> {
  const times: number[] = []
  for (let k = 0; k < ROUND_TRIPS; k++) {
    const began = performance.now()
    await connection.run([{ statement: NOTHING, params: [] }])
    times.push(performance.now() - began)
  }
  const median = times.sort((a, b) => a - b)[ROUND_TRIPS >> 1]!
  const figure = median < 1 ? `${Math.round(median * 1000)} µs` : `${median.toFixed(1)} ms`
  return {
    level: median > FAR_MS ? 'warning' : 'ok',
    code: 'postgres-round-trip',
    sentence: `a round trip to the PostgreSQL server takes ${figure}${median > FAR_MS ? ': everything that is not cached takes at least that long' : ''}`,
    ...(median > FAR_MS ? { next: 'put the server nearer to its clients' } : {}),
  }
}
