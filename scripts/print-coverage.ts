/* After `npm run coverage`: prints which part of each room's lines, functions and branches the unit tests reach. */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { printTable, type Summary, sumByRoom } from './coverage-by-room.js'

const root = join(import.meta.dirname, '..')
const summary = JSON.parse(readFileSync(join(root, 'test/.build/coverage/coverage-summary.json'), 'utf8')) as Summary
process.stdout.write(printTable(sumByRoom(summary, (file) => relative(join(root, 'src'), file).split('/')[0] ?? '')))
