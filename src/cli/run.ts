import { useMeasuredSizes } from './node-defaults.js'
import { createProgram } from './program.js'
import { endWhenNobodyReads } from './when-nobody-reads.js'

/** Runs the command that was typed. */
useMeasuredSizes()
endWhenNobodyReads()
const program = await createProgram(process.argv.slice(2))
await program.parseAsync()
