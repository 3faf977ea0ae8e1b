/** For tests: one private server for a test file, with a new database for whoever asks. */
import { type PostgresServer, startPostgres } from '../../../../e2e/harness/postgres.ts'

interface TestServer {
  server(): Promise<PostgresServer>
  /** Its address; no parameter is missing to append more with `&`. */
  newDatabase(): Promise<string>
  stop(): Promise<void>
}

let started: Promise<PostgresServer> | undefined
let databases = 0

const shared: TestServer = {
  server: () => (started ??= startPostgres()),
  newDatabase: async () => (await shared.server()).createDatabase(`volume_${databases++}`),
  stop: async () => {
    await (await started)?.stop()
    started = undefined
  },
}

export function testServer(): TestServer {
  return shared
}
