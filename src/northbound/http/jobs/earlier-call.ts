import { ZodError } from 'zod'
import type { Principal } from '../../../access/authz/principal.js'
import { InvalidField } from '../../../operations/payload.js'
import { operationNamed } from '../../../operations/register.js'
import {
  type EarlierCall,
  nameOfJob,
  type RpcJob,
  rpcJob,
  type TransactionJob,
  transactionJob,
} from '../../../rpc/jobs/job-request.js'
import { prepareOperation } from '../../../rpc/prepared-operation.js'
import { wordsOfIssues } from '../middleware/handle-failures.js'
import { type Answered, problemResponse } from '../problem.js'
import { answerInvalidField, asksForAnything } from '../routes/operations/operation-route.js'
import { type RpcCall, rpcToAnswer } from '../rpc/answer-rpc.js'
import { IS_LARGE } from '../rpc/conversion-service.js'
import { readLargeJson } from '../rpc/large-json.js'
import { answerBodyFault, type ReadingServices, readRpcBytes, type SentBody } from '../rpc/read-rpc.js'
import { notWritable, parseJson } from '../rpc/rpc-body.js'
import { durationOf } from '../rpc/timeout.js'
import { readTransaction } from '../rpc/transaction-body.js'

/** What a job of version 0.1 holds: the call as it was sent, for its device, by its owner. */
export interface EarlierJob {
  readonly call: EarlierCall
  readonly deviceId: string
  readonly owner: Principal
}

export type ReadCall =
  | { readonly ok: true; readonly request: RpcJob | TransactionJob }
  /** What the call would have been answered with. */
  | { readonly ok: false; readonly response: Response }

/**
 * Reads the call that a job of version 0.1 holds, as its route does. Jobs of this version were read before they were
 * kept.
 */
export async function readEarlierCall(services: ReadingServices, job: EarlierJob, to: Answered): Promise<ReadCall> {
  const { contentType, body } = job.call
  const sent: SentBody = { bytes: new TextEncoder().encode(body), contentType, who: job.owner }
  try {
    return nameOfJob(job.call) === 'rpc'
      ? await readAnyOperation(services, { ...job, sent }, to)
      : await readParameters(services, { ...job, sent }, to)
  } catch (thrown) {
    if (thrown instanceof ZodError)
      return { ok: false, response: problemResponse(to, 'invalid-request', wordsOfIssues(thrown.issues)) }
    if (thrown instanceof InvalidField) return { ok: false, response: answerInvalidField(to, thrown) }
    throw thrown
  }
}

interface SentJob extends EarlierJob {
  readonly sent: SentBody
}

async function readAnyOperation(services: ReadingServices, job: SentJob, to: Answered): Promise<ReadCall> {
  const read = await readRpcBytes(services, job.sent, to)
  return read.ok ? asJob(services, job, read.rpc) : read
}

/** @throws ZodError, InvalidField */
async function readParameters(services: ReadingServices, job: SentJob, to: Answered): Promise<ReadCall> {
  const { call, deviceId, sent } = job
  const read = await readJson(services, sent, to)
  if (!read.ok) return read
  const name = nameOfJob(call)
  if (name === 'transaction') {
    const times = { timeout: timeoutOf(services, call), wait: 0 }
    const request = readTransaction(read.json, { deviceId, size: sent.bytes.length, ...times })
    return { ok: true, request: transactionJob(request) }
  }
  const operation = operationNamed(name)
  if (operation === undefined)
    return { ok: false, response: problemResponse(to, 'unknown-path', { message: `there is no operation ${name}` }) }
  const { needs, reply } = operation
  const prepared = prepareOperation(operation.build(read.json), needs)
  if (!prepared.ok)
    return { ok: false, response: answerBodyFault(to, notWritable(prepared.error), services.rpc.boundReached) }
  return asJob(services, job, {
    prepared: prepared.value,
    attributes: [],
    ...(reply !== undefined && asksForAnything(call.accept) ? { format: reply } : {}),
  })
}

async function readJson(services: ReadingServices, sent: SentBody, to: Answered): ReturnType<typeof readLargeJson> {
  const { bytes } = sent
  if (bytes.length > IS_LARGE) return readLargeJson(services, sent, to)
  // Who sends no parameters means the defaults.
  if (bytes.length === 0) return { ok: true, json: {} }
  const json = parseJson(bytes)
  return json.ok
    ? { ok: true, json: json.value }
    : { ok: false, response: answerBodyFault(to, json.error, services.rpc.boundReached) }
}

function asJob(
  services: ReadingServices,
  { call, deviceId, sent }: SentJob,
  read: Pick<RpcCall, 'prepared' | 'attributes' | 'format'>,
): ReadCall {
  // The type that a client names first is the one that it wants.
  const format = /^\s*application\/json\b/i.test(call.accept) ? 'json' : 'xml'
  const times = { timeout: timeoutOf(services, call), wait: 0 }
  const answered = rpcToAnswer({ format, ...read, deviceId, body: sent.bytes }, times, services.rpc.limits())
  return { ok: true, request: rpcJob(nameOfJob(call), answered) }
}

/** Milliseconds; a time that cannot be read, or is too long by now, counts as none that was given. */
function timeoutOf({ rpc }: ReadingServices, { path }: EarlierCall): number {
  const { rpcTimeout, maxRpcTimeout } = rpc.limits()
  const given = durationOf(new URL(path, 'http://localhost').searchParams.get('timeout') ?? '')
  return given !== undefined && given >= 1 && given <= maxRpcTimeout ? given : rpcTimeout
}
