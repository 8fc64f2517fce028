import { expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { nameOfJob } from '../../../src/rpc/jobs/job-request.js'
import { attached, callLimits, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

it('a request that is too long to be kept becomes no job', async () => {
  const room = fleetInMemory({ statuses: [attached('r1')] })
  const submitted: string[] = []
  const app = createApp({
    ...room,
    log: recordedLog().log,
    jobs: {
      ...room.jobs,
      submit: async ({ request }) => {
        submitted.push(nameOfJob(request))
        return { ok: false, cause: 'too-many-jobs', message: 'no jobs here', hint: 'none' }
      },
    },
  })
  const ask = (bytes: number) =>
    app.request('/api/v1/devices/r1/rpc', {
      method: 'POST',
      headers: { 'Content-Type': 'application/xml', Prefer: 'respond-async' },
      body: `<get>${' '.repeat(bytes - '<get></get>'.length)}</get>`,
    })
  expect((await ask(callLimits.maxJobRequestSize + 1)).status).toBe(413)
  expect(submitted).toEqual([])
  expect((await ask(callLimits.maxJobRequestSize)).status).toBe(429)
  expect(submitted).toHaveLength(1)
})
