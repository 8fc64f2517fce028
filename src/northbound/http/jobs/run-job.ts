import type { Api } from '../api.js'
import type { Caller } from '../middleware/caller.js'
import { problemUri } from '../problem-types.js'
import { readBoundedAnswer } from '../rpc/bounded-answer.js'
import type { Job, JobAnswer } from './job.js'

/** Bytes of an answer that is kept; what is longer is to be asked for without a job. */
const longestAnswer = 1024 * 1024

/** Carries out a job as the call that it was, with the rights that its owner has now. */
export async function runJob(app: Pick<Api, 'fetch'>, { request }: Job, caller: Caller): Promise<JobAnswer> {
  const { path, contentType, accept, body } = request
  const response = await app.fetch(
    new Request(new URL(path, 'http://localhost'), {
      method: 'POST',
      headers: { Accept: accept, ...(body === '' ? {} : { 'Content-Type': contentType }) },
      ...(body === '' ? {} : { body }),
    }),
    { caller },
  )
  const read = await readBoundedAnswer(response, longestAnswer)
  if (read === undefined)
    return {
      status: 413,
      contentType: 'application/problem+json',
      body: JSON.stringify({
        type: problemUri('reply-too-large'),
        title: 'The reply is too large for a job',
        status: 413,
        detail: `the job was carried out with status ${response.status}, but its reply is longer than ${longestAnswer} octets`,
        hint: 'ask for less with a filter, or ask the device without a job',
      }),
    }
  return { status: response.status, contentType: response.headers.get('content-type') ?? '', body: read }
}
