import {
  appendFile,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileFailure } from '../../../src/audit/files/file-error.js'
import { openAuditFile, type AuditFile, type AuditFileLimits } from '../../../src/audit/files/audit-file.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { fillDisk, mountOwn, unmountOwn } from '../../store/own-file-system.js'

const limits: AuditFileLimits = { maxSize: 1024 * 1024, maxFiles: 3, flushInterval: 5, maxWaiting: 1024 * 1024 }

let directory: string
let path: string
let opened: AuditFile[]
const states: (FileFailure | undefined)[] = []
const losses: number[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-record-'))
  path = join(directory, 'record.jsonl')
  opened = []
  states.length = 0
  losses.length = 0
})
afterEach(async () => {
  for (const file of opened) await file.close()
  await rm(directory, { recursive: true, force: true })
})

function open(changed: Partial<AuditFileLimits> = {}): AuditFile {
  const file = openAuditFile({
    path,
    limits: { ...limits, ...changed },
    onState: (problem) => states.push(problem),
    onLost: (lines) => losses.push(lines),
  })
  opened.push(file)
  return file
}

const line = (number: number, size = 20): string => `{"n":${number},"x":"${'x'.repeat(size)}"}`

/** The numbers of all lines in all files, the oldest first; a line that does not parse is a failure. */
async function numbers(): Promise<number[]> {
  const files = (await readdir(directory)).filter((name) => name.startsWith('record.jsonl'))
  const age = (name: string): number => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)
  const texts = await Promise.all(
    files.toSorted((a, b) => age(b) - age(a)).map((name) => readFile(join(directory, name), 'utf8')),
  )
  return texts.flatMap((text) => {
    expect(text === '' || text.endsWith('\n')).toBe(true)
    return text
      .split('\n')
      .slice(0, -1)
      .map((one) => (JSON.parse(one) as { n: number }).n)
  })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)
const written = (count: number): Promise<unknown> =>
  waitFor(`${count} lines`, async () => (await countLines()) === count)
const writable = (file: AuditFile): Promise<unknown> =>
  waitFor('the file to be written again', () => file.problem() === undefined)

async function countLines(): Promise<number> {
  const names = await readdir(directory)
  const texts = await Promise.all(
    names
      .filter((name) => name.startsWith('record.jsonl'))
      .map((name) => readFile(join(directory, name), 'utf8').catch(() => '')),
  )
  return texts.join('').split('\n').length - 1
}

/** The flags of the open file that stands under the path, as the kernel knows them. */
async function flagsOfOpenFile(): Promise<number> {
  for (const number of await readdir('/proc/self/fd'))
    if ((await readlink(`/proc/self/fd/${number}`).catch(() => '')) === path)
      return Number.parseInt(
        /^flags:\s+(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${number}`, 'utf8'))?.[1] ?? '',
        8,
      )
  throw new Error(`nothing has ${path} open`)
}

describe('lines', () => {
  it('are on the disk, not in the memory of the kernel, once they are written', async () => {
    const file = open()
    file.append(line(0))
    await written(1)
    expect((await flagsOfOpenFile()) & constants.O_DSYNC).toBe(constants.O_DSYNC)
  })

  it('are in the file soon after, without anybody waiting for it, and only its owner may read them', async () => {
    const file = open()
    for (const number of upTo(3)) file.append(line(number))
    await written(3)
    expect(await numbers()).toEqual(upTo(3))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('that still wait are written when the file is closed', async () => {
    const file = open({ flushInterval: 60_000 })
    for (const number of upTo(3)) file.append(line(number))
    await file.close()
    expect(await numbers()).toEqual(upTo(3))
    expect(losses).toEqual([])
  })

  it('do not wait for the interval when there are many', async () => {
    const file = open({ flushInterval: 60_000 })
    for (const number of upTo(1000)) file.append(line(number, 300))
    await waitFor('the first lines', async () => (await countLines()) > 500)
  })
})

describe('rotation', () => {
  it('under load loses nothing and writes nothing twice', async () => {
    const file = open({ maxSize: 5000, maxFiles: 100, flushInterval: 1 })
    for (const number of upTo(2000)) {
      file.append(line(number, number % 90))
      if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await file.close()
    expect(await numbers()).toEqual(upTo(2000))
    const names = await readdir(directory)
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5000)
    expect(names.length).toBeGreaterThan(20)
  })

  it('keeps as many files as it shall, also when that becomes fewer', async () => {
    const file = open({ maxSize: 100, maxFiles: 3 })
    for (const number of upTo(20)) file.append(line(number))
    await waitFor('the last line', async () => (await readFile(path, 'utf8').catch(() => '')).includes('"n":19'))
    const names = ['record.jsonl', 'record.jsonl.1', 'record.jsonl.2', 'record.jsonl.3']
    expect((await readdir(directory)).toSorted()).toEqual(names)
    file.configure({ ...limits, maxSize: 100, maxFiles: 1 })
    for (const number of [20, 21, 22, 23]) file.append(line(number))
    await file.close()
    expect((await readdir(directory)).toSorted()).toEqual(names.slice(0, 2))
  })

  it('leaves a line whole that is larger than a file shall be', async () => {
    const file = open({ maxSize: 100 })
    for (const number of upTo(3)) file.append(line(number, 500))
    await file.close()
    expect(await numbers()).toEqual(upTo(3))
  })
})

describe('a file that somebody else', () => {
  it('moved away is left, and a new one made', async () => {
    const file = open()
    file.append(line(0))
    await written(1)
    await rename(path, `${path}.1`)
    file.append(line(1))
    await written(2)
    expect(await readFile(path, 'utf8')).toBe(`${line(1)}\n`)
    file.reopen()
    file.append(line(2))
    await written(3)
  })

  it('emptied is written on from its beginning', async () => {
    const file = open()
    file.append(line(0))
    await written(1)
    await truncate(path, 0)
    file.append(line(1))
    await written(1)
    expect(await numbers()).toEqual([1])
  })

  it.each([
    ['after whole ones', `${line(0)}\n{"n":1,"x`],
    ['alone', '{"n":1'],
  ])('killed while writing a line, %s, gets whole lines only', async (_, left) => {
    await writeFile(path, left)
    const file = open()
    expect(await file.prepare()).toBeUndefined()
    file.append(line(9))
    await file.close()
    expect((await numbers()).at(-1)).toBe(9)
    expect((await numbers()).length).toBe(left.includes('\n') ? 2 : 1)
  })

  it('wrote half a line into is mended before the next line', async () => {
    const file = open()
    file.append(line(0))
    await written(1)
    await appendFile(path, '{"half')
    file.append(line(1))
    await file.close()
    expect(await numbers()).toEqual([0, 1])
  })
})

describe('while a file cannot be written', () => {
  it('its lines wait, and are written once it can be again', async () => {
    await mkdir(path)
    const file = open()
    expect(await file.prepare()).toMatchObject({ reason: 'not-permitted', hint: expect.any(String) })
    for (const number of upTo(3)) file.append(line(number))
    await rm(path, { recursive: true })
    await writable(file)
    expect(await numbers()).toEqual(upTo(3))
    expect(states.map((state) => state?.reason)).toEqual(['not-permitted', undefined])
  })

  it('goes on by itself where nothing waits, as nobody writes a line while it is known to fail', async () => {
    await mkdir(path)
    const file = open()
    await file.prepare()
    await rm(path, { recursive: true })
    await waitFor('the file to be there again', () => file.problem() === undefined)
    expect(states.map((state) => state?.reason)).toEqual(['not-permitted', undefined])
  })

  it('memory is bounded: what no longer fits is counted, and the file tells how many lines are missing', async () => {
    await mkdir(path)
    const file = open({ maxWaiting: 10 * (line(0).length + 1) })
    await file.prepare()
    for (const number of upTo(12)) file.append(line(number % 10))
    await rm(path, { recursive: true })
    await writable(file)
    await file.close()
    const lines = (await readFile(path, 'utf8')).trim().split('\n')
    expect(lines).toHaveLength(11)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ event: 'lines-lost', lines: 2 })
    expect(losses).toEqual([2])
  })

  it('closing tells how many lines nobody will read', async () => {
    await mkdir(path)
    const file = open()
    for (const number of upTo(3)) file.append(line(number))
    await file.close()
    expect(losses).toEqual([3])
  })
})

describe('on a disk that is full', () => {
  beforeEach(() => mountOwn(directory, '64k'))
  afterEach(() => unmountOwn(directory))

  it('no half line stays behind, and all lines are there, once, when there is room again', async () => {
    const file = open()
    file.append(line(0))
    await written(1)
    await fillDisk(join(directory, 'ballast'))
    for (const number of upTo(300).slice(1)) file.append(line(number))
    await waitFor('a full disk', () => file.problem()?.reason === 'disk-full')
    const before = await numbers()
    expect(before).toEqual(upTo(before.length))
    await rm(join(directory, 'ballast'))
    await writable(file)
    await file.close()
    expect(await numbers()).toEqual(upTo(300))
    expect(states.map((state) => state?.reason)).toEqual(['disk-full', undefined])
    expect(losses).toEqual([])
  })
})
