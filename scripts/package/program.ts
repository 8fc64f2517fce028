/*
 * Lays out what runs in a directory that is not there yet: `tsx scripts/package/program.ts DIRECTORY`, after
 * `npm run build`. deploy/container/Containerfile makes the image of it.
 */
import { join, resolve } from 'node:path'
import { layOutProgram } from './lay-out-program.js'

const root = join(import.meta.dirname, '../..')
const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('name the directory: tsx scripts/package/program.ts DIRECTORY')
layOutProgram({ root, program: resolve(directory), cache: join(root, 'build/runtime') })
