/** A program: build the stand-in for TiKV, before test files need it side by side, or say why there is none. */
import { builtProgram, tikvMissing } from './tikv.ts'

const missing = tikvMissing()
if (missing === undefined) await builtProgram()
else console.log(`Tests on TiKV will be skipped: ${missing}`)
