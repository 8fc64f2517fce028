import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTranscriptFile } from '../../../src/audit/files/transcript-files.js'

let parent: string
let directory: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'homeport-transcripts-'))
  directory = join(parent, 'made', 'when-needed')
})
afterEach(() => rm(parent, { recursive: true, force: true }))

const room = () => ({ directory, maxSizePerSession: 1000, maxSize: 2500 })

it('a transcript is a file that only its owner may read, whatever its session is called', async () => {
  const file = openTranscriptFile(room(), '2026_../../etc/passwd\n_ops')
  file.write('{"a":1}')
  file.close()
  const names = await readdir(directory)
  expect(names).toEqual(['2026_.._.._etc_passwd__ops.jsonl'])
  expect((await stat(join(directory, names[0] ?? ''))).mode & 0o777).toBe(0o600)
  expect(await readFile(join(directory, names[0] ?? ''), 'utf8')).toBe('{"a":1}\n')
})

it('one that grows too large is cut at a line, and says so', async () => {
  const file = openTranscriptFile(room(), 'a')
  const line = `"${'x'.repeat(400)}"`
  expect([file.write(line), file.write(line), file.write(line), file.write('1')]).toEqual([true, true, false, false])
  file.close()
  const lines = (await readFile(join(directory, 'a.jsonl'), 'utf8')).trim().split('\n')
  expect(lines).toEqual([line, line, '{"leftOut":"max-size-per-session"}'])
})

it('the oldest make room for new ones', async () => {
  for (const name of ['1', '2', '3', '4', '5']) {
    const file = openTranscriptFile(room(), name)
    file.write(`"${'x'.repeat(900)}"`)
    file.close()
  }
  expect((await readdir(directory)).toSorted()).toEqual(['3.jsonl', '4.jsonl', '5.jsonl'])
})

it('two sessions never share a file', () => {
  openTranscriptFile(room(), 'a').close()
  expect(() => openTranscriptFile(room(), 'a')).toThrow(/EEXIST/)
})
