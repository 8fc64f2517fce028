import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { rightsOnJob, visibleTo } from '../../rights.js'
import { jobListSchema, jobSchema, toJobView } from './job-view.js'

const jobId = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'as the 202 gave it',
    example: '3f0c9f5e-7d0a-4c57-9a54-0d6f0b7f2a11',
  }),
})

const list = createRoute({
  method: 'get',
  path: '/api/v1/jobs',
  ...needs('rpc'),
  operationId: 'listJobs',
  description:
    "Jobs are calls that wait for a device, made by `Prefer: respond-async`. Shows the caller's own, " +
    'and with the scope `admin` on a device those of others there.',
  tags: ['jobs'],
  summary:
    'Calls that wait for their devices, and those that were carried out: ' +
    'your own, and with `admin` those of your devices',
  request: { query: z.object({ device: z.string().optional(), state: jobSchema.shape.state.optional() }) },
  responses: {
    200: { description: 'the oldest first', content: { 'application/json': { schema: jobListSchema } } },
    ...problemResponses('invalid-request'),
  },
})

const get = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{id}',
  ...needs('rpc'),
  operationId: 'getJob',
  description: 'The state of a job, and once it is done the answer that the call itself would have had.',
  tags: ['jobs'],
  summary: 'One job, with its answer once it has one',
  request: { params: jobId },
  responses: {
    200: { description: 'the job', content: { 'application/json': { schema: jobSchema } } },
    ...problemResponses('unknown-job'),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/jobs/{id}',
  ...needs('rpc'),
  operationId: 'removeJob',
  description:
    'Takes a job out of the queue, or an answer that nobody needs any more. A job that runs is answered with 409.',
  tags: ['jobs'],
  summary: 'Takes back a job that has not begun, or forgets one that is finished',
  request: { params: jobId },
  responses: {
    200: { description: 'the job as it was left', content: { 'application/json': { schema: jobSchema } } },
    ...problemResponses('unknown-job', 'job-running'),
  },
})

export function registerJobs(api: Api, { jobs }: HttpServices): void {
  api.openapi(list, async (c) => {
    const { device, state } = c.req.valid('query')
    const wanted = jobs
      .list()
      .filter((job) => (device ?? job.deviceId) === job.deviceId && (state ?? job.state) === job.state)
    const visible = await visibleTo(wanted, (job) => rightsOnJob(c.var.caller, job))
    return c.json({ jobs: visible.map(({ thing, rights }) => toJobView(thing, rights)) }, 200)
  })
  api.openapi(get, async (c) => {
    const { id } = c.req.valid('param')
    const job = jobs.get(id)
    const rights = job && (await rightsOnJob(c.var.caller, job))
    return job !== undefined && rights?.see === true ? c.json(toJobView(job, rights), 200) : answerUnknown(c, id)
  })
  api.openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    const job = jobs.get(id)
    const rights = job && (await rightsOnJob(c.var.caller, job))
    if (rights?.end !== true) return answerUnknown(c, id)
    const removed = await jobs.remove(id)
    return removed === undefined
      ? answerProblem(c, 'job-running', { message: `job ${id} runs`, hint: 'wait for its answer' })
      : c.json(toJobView(removed, rights), 200)
  })
}

function answerUnknown(c: Context<ApiEnv>, id: string) {
  return answerProblem(c, 'unknown-job', {
    message: `no job ${JSON.stringify(id)} of yours is known`,
    hint: 'finished jobs are forgotten after endpoint.http.job-retention',
  })
}
