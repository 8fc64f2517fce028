import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SECRET_NAMES } from '../../src/audit/secret-names.js'
import { serveTranscripts, type TranscriptSettings } from '../../src/audit/files/transcript-thread.js'
import { createTranscripts, type TranscriptThread, type TranscriptsOptions } from '../../src/audit/transcripts.js'
import { info } from './support/audit-in-memory.js'
import { threadThatEnds } from './support/thread-that-ends.js'
import { waitFor } from '../e2e/parts/wait-for.js'

let parent: string
let settings: TranscriptSettings
const problems: string[] = []

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'homeport-transcripts-'))
  settings = {
    directory: join(parent, 'transcripts'),
    maxSizePerSession: 1e6,
    maxSize: 1e6,
    maxMessageSize: 1e6,
    redact: SECRET_NAMES,
  }
  problems.length = 0
})
afterEach(() => rm(parent, { recursive: true, force: true }))

function open(choice: TranscriptsOptions['choice'], more: Partial<TranscriptsOptions> = {}) {
  return createTranscripts({
    choice,
    settings,
    device: (id) => ({ id, labels: { site: 'tokyo' } }),
    onProblem: ({ sessionId }, { message }) => problems.push(`${sessionId}: ${message}`),
    start: (initial): TranscriptThread => {
      const { port1, port2 } = new MessageChannel()
      serveTranscripts(port2, initial)
      return port1
    },
    ...more,
  })
}

async function lines(): Promise<readonly string[]> {
  const [name = ''] = await readdir(settings.directory)
  return (await readFile(join(settings.directory, name), 'utf8')).trim().split('\n')
}

it('a session of a chosen user has a file with what was said, without secrets', async () => {
  const transcripts = open({ users: ['netops'], devices: [] })
  const observer = transcripts.observe(info)
  observer?.fromClient(Buffer.from('<hello/>]]>]]><rpc><password>hunter2</pass'), performance.now())
  observer?.fromClient(Buffer.from('word></rpc>]]>]]>'), performance.now())
  observer?.end(performance.now())
  await transcripts.close()
  const [name = ''] = await readdir(settings.directory)
  expect(name).toMatch(/^\d{4}-\d\d-\d\dT[\d-]+Z_router1_netops_abcd1234\.jsonl$/)
  const written = (await lines()).map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(written).toMatchObject([
    { event: 'session-opened', user: 'netops', deviceId: 'router1' },
    { from: 'client', text: '<hello/>' },
    { from: 'client', text: '<rpc><password>[secret]</password></rpc>' },
    { event: 'session-closed' },
  ])
  const times = written.map(({ time }) => Date.parse(String(time)))
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(60_000)
  expect(Math.abs(Date.now() - (times[0] ?? 0))).toBeLessThan(60_000)
})

it.each([
  [{ users: [], devices: ['router*'] }, true],
  [{ users: [], devices: ['site=tok*'] }, true],
  [{ users: ['other'], devices: ['site=osaka'] }, false],
  [{ users: [], devices: [] }, false],
])('%j chooses a session: %s', async (choice, chosen) => {
  const transcripts = open(choice)
  expect(transcripts.observe(info) !== undefined).toBe(chosen)
  await transcripts.close()
})

it('a new configuration counts for sessions that begin', async () => {
  const transcripts = open({ users: [], devices: [] })
  expect(transcripts.observe(info)).toBeUndefined()
  transcripts.configure({ users: ['netops'], devices: [] }, settings)
  expect(transcripts.observe(info)).toBeDefined()
  await transcripts.close()
})

it('where no file can be made, that is told, and the session goes on', async () => {
  await writeFile(settings.directory, '')
  const transcripts = open({ users: ['netops'], devices: [] })
  const observer = transcripts.observe(info)
  observer?.fromClient(Buffer.from('<hello/>]]>]]>'), performance.now())
  await waitFor('the problem', () => problems.length > 0)
  observer?.end(performance.now())
  await transcripts.close()
  expect(problems).toEqual([expect.stringContaining('abcd1234: ')])
})

it('a session that says more than can be written is written down no further', async () => {
  const told: unknown[] = []
  const never: TranscriptThread = { postMessage: (request) => told.push(request), on: () => undefined }
  const observer = open({ users: ['netops'], devices: [] }, { start: () => never }).observe(info)
  const much = Buffer.alloc(1024 * 1024)
  for (let n = 0; n < 40; n += 1) observer?.fromDevice(much, performance.now())
  expect(problems).toEqual(['abcd1234: more is said than can be written'])
  expect(told).toHaveLength(1 + 32 + 1)
})

it('a thread that ends says why, also by an error that is none of the engine’s', async () => {
  const transcripts = open({ users: ['netops'], devices: [] }, { start: threadThatEnds })
  const observer = transcripts.observe(info)
  await waitFor('the end to be told', () => {
    observer?.fromClient(Buffer.from('<hello/>'), performance.now())
    return problems.length > 0
  })
  expect(problems).toEqual(['abcd1234: the thread that writes ended (SQLITE_ERROR)'])
})
