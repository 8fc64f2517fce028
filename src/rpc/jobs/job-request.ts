import { writeOperation } from '../../netconf/written-operation.js'
import type { XmlElement } from '../../netconf/xml/xml-tree.js'
import type { Job } from '../../store/job.js'
import type { TransactionRequest } from '../execute-transaction.js'
import type { RpcRequest } from '../rpc-request.js'

export type { JobAnswer, JobOwner } from '../../store/job.js'

/** What a job carries out. */
export type JobRequest = RpcJob | TransactionJob | EarlierCall

export interface RpcJob {
  readonly kind: 'rpc'
  /** What its owner called it by, the end of a path: `get-config`, or `rpc` for any operation. */
  readonly name: string
  readonly request: RpcRequest
  /** How the reply is written: `schema` is the text of a module alone, of a reply to get-schema. */
  readonly format: 'xml' | 'json' | 'schema'
}

export interface TransactionJob {
  readonly kind: 'transaction'
  readonly request: TransactionRequest
}

/** A call as it was sent: what a job of version 0.1 holds, which a bridge may find in its store after an upgrade. */
export interface EarlierCall {
  readonly kind?: undefined
  /** With the query: `/api/v1/devices/router1/get-config?timeout=30s`. */
  readonly path: string
  readonly contentType: string
  readonly accept: string
  readonly body: string
}

/**
 * A request whose reply is written in this format, to be kept. A job runs when its device is there, so it waits for it
 * no further.
 */
export function rpcJob(name: string, { request, format }: Pick<RpcJob, 'request' | 'format'>): RpcJob {
  return { kind: 'rpc', name, request: { ...request, wait: 0 }, format }
}

/** A transaction, to be kept. Its configurations become text: as trees they take many times the room. */
export function transactionJob(request: TransactionRequest): TransactionJob {
  return { kind: 'transaction', request: { ...request, edits: request.edits.map(withConfigAsText), wait: 0 } }
}

function withConfigAsText(edit: XmlElement): XmlElement {
  const children = edit.children.map((child) =>
    typeof child !== 'string' && child.name === 'config' ? asText(child) : child,
  )
  return { ...edit, children }
}

function asText(config: XmlElement): XmlElement {
  const { namespace, name } = config
  const written = writeOperation(config)
  // What XML cannot hold is said when the job runs, as it is of a call.
  return written.ok
    ? { namespace, name, prefix: '', attributes: [], children: [], written: written.value.text }
    : config
}

export type QueuedJob = Job<JobRequest>

/** The name of what a job carries out, as its owner called it. */
export function nameOfJob(request: JobRequest): string {
  if (request.kind === 'rpc') return request.name
  if (request.kind === 'transaction') return request.kind
  return request.path.split('?')[0]?.split('/').at(-1) ?? ''
}
