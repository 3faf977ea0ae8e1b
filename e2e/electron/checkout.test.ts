import { buildShell } from '../harness/desktop.ts'
import { shellSuite } from './shell.suite.ts'

await shellSuite('checkout', buildShell)
