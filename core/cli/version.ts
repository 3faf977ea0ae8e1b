import { CLIENT_VERSION, POMELO_VERSION } from '#core/base/version.ts'
import { defineCommand } from './command.ts'

export const version = defineCommand({
  name: 'version',
  operands: '',
  arity: [0, 0],
  summary: 'Show the versions of the program, the format it implements, and Node.',
  options: {},
  examples: ['pomelo version --json'],
  async run({ out }) {
    const all = { pomelo: POMELO_VERSION, client: CLIENT_VERSION, node: process.versions.node }
    out.data(all, () =>
      out.print(`pomelo ${all.pomelo} (volume format ${all.client.split('+')[0]}, Node ${all.node})`),
    )
    return 0
  },
})
