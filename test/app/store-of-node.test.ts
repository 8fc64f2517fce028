import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ofNode } from '../../src/app/store-of-node.js'
import type { Job } from '../../src/store/job.js'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../src/store/store.js'

let directory: string
let store: Store
const written: string[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-store-of-node-'))
  const opened = await openSqliteStore({ directory, touchInterval: 60_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  store = opened.store
  written.length = 0
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const of = (node: string): Store =>
  ofNode(store, { node, written: ({ table, key }) => void written.push(`${table} ${key}`) })

const job = (id: string): Job => ({
  id,
  deviceId: 'router1',
  state: 'queued',
  owner: { realm: 'operator', name: 'local' },
  request: { body: id },
  createdAt: new Date(1_000),
  expiresAt: new Date(2_000),
})

describe('the store of a node among others', () => {
  it('has the jobs that were left there, and no others', async () => {
    const [a, b] = [of('a'), of('b')]
    await a.jobs.put(job('j1'))
    await b.jobs.put(job('j1'))
    await b.jobs.put(job('j2'))
    expect(await a.jobs.list()).toEqual([job('j1')])
    expect((await b.jobs.list()).map(({ id }) => id)).toEqual(['j1', 'j2'])
    const begun = await a.jobs.begin('j1', new Date(1_500))
    expect(begun).toMatchObject({ ok: true, value: { id: 'j1', state: 'running' } })
    expect((await b.jobs.list())[0]?.state).toBe('queued')
    expect(await a.jobs.begin('j2', new Date(1_500))).toEqual({ ok: true, value: undefined })
    await b.jobs.remove('j1')
    expect((await a.jobs.list())[0]?.state).toBe('running')
  })

  it('is not that of a node whose name begins alike', async () => {
    await of('a').jobs.put(job('j1'))
    expect(await of('a.b').jobs.list()).toEqual([])
    await of('a.b').jobs.put(job('j2'))
    expect((await of('a').jobs.list()).map(({ id }) => id)).toEqual(['j1'])
  })

  it('tells of the enrolments and tokens that this node has written', async () => {
    const { enrolments, tokens } = of('a')
    const made = await enrolments.update('router1', () => ({
      deviceId: 'router1',
      standing: 'rejected',
      pins: [],
      addresses: [],
      labels: {},
    }))
    expect(made.ok).toBe(true)
    expect(written).toEqual(['enrolment router1'])
    expect((await store.enrolments.get('router1'))?.standing).toBe('rejected')
    const token = { id: 't1', user: 'ops', hash: Buffer.alloc(32), createdAt: new Date(1_000), createdBy: 'operator' }
    await tokens.update('t1', () => token)
    expect(written).toEqual(['enrolment router1', 'token t1'])
    expect((await store.tokens.get('t1'))?.user).toBe('ops')
  })
})
