import { mkdtempSync, readFileSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRestarter, type Restarter } from '../../scripts/restarter.js'

let directory = ''
let restarter: Restarter | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-restarter-'))
})

afterEach(async () => {
  await restarter?.end()
  rmSync(directory, { recursive: true })
})

/** A program that notes that it has begun, and in the end what ended it. */
const PROGRAM = `
  const { appendFileSync } = require('node:fs')
  const note = (word) => appendFileSync(process.argv[1], process.pid + ' ' + word + '\\n')
  const stubborn = process.argv[2] === 'stubborn'
  process.on('SIGTERM', () => { note('SIGTERM'); if (!stubborn) process.exit(0) })
  setInterval(() => {}, 1e6)
  note('begins')
`

function restart(manner: 'stubborn' | 'obedient', patience: number): Restarter {
  restarter = createRestarter([process.execPath, '-e', PROGRAM, join(directory, 'notes'), manner], patience)
  return restarter
}

function notes(): readonly string[] {
  try {
    return readFileSync(join(directory, 'notes'), 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}

/** Settles once the programs have noted so many words. */
async function noted(count: number): Promise<readonly string[]> {
  if (notes().length >= count) return notes()
  await new Promise<void>((resolve) => {
    const watcher = watch(directory, () => {
      if (notes().length < count) return
      watcher.close()
      resolve()
    })
    if (notes().length < count) return
    watcher.close()
    resolve()
  })
  return notes()
}

const words = (): readonly string[] => notes().map((line) => line.split(' ')[1] ?? '')
const isAlive = (line: string | undefined): boolean => {
  try {
    return process.kill(Number(line?.split(' ')[0]), 0)
  } catch {
    return false
  }
}

test('the command is ended before it is started anew', async () => {
  const { restart: again, end } = restart('obedient', 60_000)
  await again()
  await noted(1)
  await again()
  await noted(3)
  expect(words()).toEqual(['begins', 'SIGTERM', 'begins'])
  const [first, , second] = notes()
  expect(first).not.toEqual(second)
  expect(isAlive(first)).toBe(false)
  await end()
  expect(words()).toEqual(['begins', 'SIGTERM', 'begins', 'SIGTERM'])
  expect(isAlive(second)).toBe(false)
})

test('a command that does not end is killed', async () => {
  const { restart: again } = restart('stubborn', 50)
  await again()
  const [first] = await noted(1)
  await again()
  await noted(3)
  expect(words()).toEqual(['begins', 'SIGTERM', 'begins'])
  expect(isAlive(first)).toBe(false)
})

test('what is asked for while the command ends is one start', async () => {
  const { restart: again, end } = restart('stubborn', 100)
  await again()
  await noted(1)
  await Promise.all([again(), again(), again()])
  await noted(3)
  await end()
  expect(words().filter((word) => word === 'begins')).toHaveLength(2)
})

test('after the end nothing is started', async () => {
  const { restart: again, end } = restart('obedient', 60_000)
  await again()
  await noted(1)
  await Promise.all([again(), end()])
  await again()
  expect(words()).toEqual(['begins', 'SIGTERM'])
})
