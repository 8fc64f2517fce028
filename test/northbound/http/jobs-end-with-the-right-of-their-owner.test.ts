import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Role } from '../../../src/access/authz/role.js'
import type { User } from '../../../src/access/authn/user.js'
import { jobQueueOn } from '../../../src/app/jobs.js'
import type { Settings } from '../../../src/app/settings.js'
import { makeFeed } from '../../fleet/support/hand-made-feed.js'
import type { Fleet } from '../../../src/fleet/fleet.js'
import type { JobQueue } from '../../../src/rpc/jobs/job-queue.js'
import type { Job, JobOwner } from '../../../src/store/job.js'
import type { Store } from '../../../src/store/store.js'
import { attached, fleetInMemory } from './fleet-in-memory.js'
import { getOn, replyOf } from './jobs-in-memory.js'
import { recordedLog } from './recorded-log.js'

const role: Role = {
  devices: ['edge-*'],
  operations: [{ effect: 'allow', name: '*' }],
  channels: ['netconf'],
  api: ['read', 'rpc'],
}
const issuer = 'https://id.example'
const limits = { maxJobs: 9, maxJobsPerUser: 9, jobLifetime: 60_000, maxJobLifetime: 60_000, jobRetention: 60_000 }

let jobs: JobQueue
let users: Map<string, User>
let roles: Map<string, Role>
let settings: Settings
let ran: string[]
let there: boolean
let inMemory: ReturnType<typeof fleetInMemory>
const events = makeFeed()

beforeEach(async () => {
  inMemory = fleetInMemory({})
  users = new Map([['ann', { name: 'ann', authorizedKeys: [], principals: [], roles: ['edge'] }]])
  roles = new Map([['edge', role]])
  ran = []
  there = false
  settings = { jobLimits: limits, logins: {}, jwtIssuer: { issuer } } as unknown as Settings
  const fleet = {
    ...inMemory.fleet,
    subscribe: events.subscribe,
    device: async (id: string) => (there ? attached(id) : { ...attached(id), link: undefined }),
  }
  jobs = await jobQueueOn({
    store: {
      jobs: { list: async () => [], put: async () => ({ ok: true }), remove: async () => ({ ok: true }) },
    } as unknown as Store,
    fleet: fleet as unknown as Fleet,
    accounts: { find: (name) => users.get(name), roles: () => roles },
    tokens: inMemory.tokens,
    services: {
      ...inMemory,
      rpc: {
        ...inMemory.rpc,
        execute: async ({ deviceId }) => {
          ran.push(deviceId)
          return { kind: 'reply', reply: replyOf('<ok/>') }
        },
      },
    },
    settings: {
      get current() {
        return settings
      },
      onChange: () => undefined,
      beforeChange: () => undefined,
    },
    log: recordedLog().log,
  })
})
afterEach(() => jobs.close())

async function submit(owner: JobOwner, deviceId = 'edge-1'): Promise<string> {
  const submitted = await jobs.submit({ deviceId, owner, request: getOn(deviceId) })
  if (!submitted.ok) throw new Error(submitted.message)
  return submitted.job.id
}

/** Lets the device come, and settles once the job is over. */
async function over(id: string): Promise<Job | undefined> {
  there = true
  events.emit('attached', {
    deviceId: 'edge-1',
    number: 1,
    source: '',
    hostKeyFingerprint: '',
    software: '',
    provenBy: 'pin',
  })
  for (;;) {
    const job = jobs.get(id)
    if (job?.state !== 'queued' && job?.state !== 'running') return job
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function token(more: { readonly expiresAt?: Date } = {}) {
  const created = await inMemory.tokens.create({ user: 'ann', createdBy: 'operator', ...more })
  if (!created.ok) throw new Error(created.refusal.message)
  return created.token
}

const local = { realm: 'local', name: 'ann' } as const
const cancelled = (reason: string) => ({
  state: 'cancelled',
  answer: { status: 403, body: expect.stringContaining(`urn:homeport:problem:${reason}`) },
})

it('a job runs while its owner has the right to it', async () => {
  const { id } = await token()
  expect(await over(await submit({ ...local, token: id }))).toMatchObject({ state: 'done', answer: { status: 200 } })
  expect(ran).toEqual(['edge-1'])
})

it.each<[string, string, () => Promise<JobOwner>, () => unknown]>([
  ['its token was revoked', 'revoked-token', async () => ({ ...local, token: await revokedLater() }), () => revokeIt()],
  [
    'its token has expired',
    'expired-token',
    async () => ({ ...local, token: (await token({ expiresAt: new Date(Date.now() - 1) })).id }),
    () => undefined,
  ],
  [
    'its token is not known any more',
    'revoked-token',
    async () => ({ ...local, token: '000000000000' }),
    () => undefined,
  ],
  ['its user was removed', 'user-removed', async () => local, () => users.clear()],
  [
    'its role does not include the device any more',
    'no-rights',
    async () => local,
    () => roles.set('edge', { ...role, devices: ['core-*'] }),
  ],
  ['its role has lost the scope', 'no-rights', async () => local, () => roles.set('edge', { ...role, api: ['read'] })],
  [
    'its JWT has expired',
    'expired-token',
    async () => ({ realm: `issuer ${issuer}`, name: 'ann', roles: ['edge'], until: Date.now() - 1 }),
    () => undefined,
  ],
  [
    'its issuer is another one now',
    'login-withdrawn',
    async () => ({ realm: `issuer ${issuer}`, name: 'ann', roles: ['edge'], until: Date.now() + 60_000 }),
    () =>
      (settings = { ...settings, jwtIssuer: { ...settings.jwtIssuer, issuer: 'https://other.example' } } as Settings),
  ],
  [
    'the hook that knew its owner is gone',
    'login-withdrawn',
    async () => ({ realm: 'hook', name: 'ann', roles: ['edge'] }),
    () => undefined,
  ],
  [
    'only somebody else has its owner’s name here',
    'no-rights',
    async () => ({ realm: `issuer ${issuer}`, name: 'ann', roles: [], until: Date.now() + 60_000 }),
    () => undefined,
  ],
])('a job is cancelled, and says why, when %s', async (_when, reason, owner, change) => {
  const id = await submit(await owner())
  await change()
  expect(await over(id)).toMatchObject(cancelled(reason))
  expect(ran).toEqual([])
})

it('a job of somebody whom an issuer vouches for runs with the roles that it gave', async () => {
  users.clear()
  const owner = { realm: `issuer ${issuer}`, name: 'eve', roles: ['edge'], until: Date.now() + 60_000 } as const
  expect(await over(await submit(owner))).toMatchObject({ state: 'done' })
})

it('what waits is cancelled as soon as its token is revoked, also where its device never comes', async () => {
  const { id } = await token()
  const job = await submit({ ...local, token: id })
  const kept = await submit(local)
  await inMemory.tokens.revoke(id, 'operator')
  await jobs.recheck()
  expect(jobs.get(job)).toMatchObject(cancelled('revoked-token'))
  expect(jobs.get(kept)).toMatchObject({ state: 'queued' })
})

let last = ''
async function revokedLater(): Promise<string> {
  last = (await token()).id
  return last
}
const revokeIt = () => inMemory.tokens.revoke(last, 'operator')
