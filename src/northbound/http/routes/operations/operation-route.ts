import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { XmlElement } from '../../../../netconf/xml/xml-tree.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { pointerTo } from '../../middleware/handle-failures.js'
import { mayBecomeJob } from '../../jobs/queue-calls.js'
import { type Answered, problemResponse, problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerRpc } from '../../rpc/answer-rpc.js'
import { largeJson } from '../../rpc/large-json.js'
import type { Operation } from '../../../../operations/define-operation.js'
import { InvalidField } from '../../../../operations/payload.js'
import { prepareOperation } from '../../../../rpc/prepared-operation.js'
import { answerBodyFault } from '../../rpc/read-rpc.js'
import { notWritable } from '../../rpc/rpc-body.js'
import { registerStreamingRoute, validBody } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { asyncHeader, asyncQuery, queuedResponse } from '../jobs/queued.js'

/** The session in a path. */
export const sessionIdParameter = deviceIdParameter.extend({
  sid: z.string().openapi({
    param: { name: 'sid', in: 'path' },
    description: 'the id that opening the session gave',
    example: '3f0c9f5e-7d0a-4c57-9a54-0d6f0b7f2a11',
  }),
})

export const timeoutQuery = z.object({
  timeout: z
    .string()
    .optional()
    .openapi({ description: 'such as `30s`: until the device begins to answer, and between two parts of its answer' }),
  wait: z
    .string()
    .optional()
    .openapi({ description: 'such as `30s`: for the device to call home, where it is not connected' }),
})

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .openapi({ description: 'what may have an effect is carried out once for each key; repeats get the first answer' }),
})

/** What an RPC may be answered with wherever it runs. */
const OF_EVERY_RPC = [
  'invalid-request',
  'malformed-json',
  'malformed-xml',
  'no-rights',
  'operation-forbidden',
  'unknown-device',
  'needs-session',
  'body-too-large',
  'reply-too-large',
  'unsupported-media-type',
  'too-many-calls',
  'idempotency-key-reused',
  'idempotency-key-in-use',
  'answer-not-kept',
  'rpc-error',
  'not-offered',
  'outcome-unknown',
  'bad-reply',
  'link-lost',
  'record-not-written',
  'shutting-down',
  'device-timeout',
] as const

/** What an RPC by itself may be answered with: the bridge opens the session, or makes a job of it. */
export const rpcProblems = problemResponses(
  ...OF_EVERY_RPC,
  'refused-by-device',
  'no-session',
  'not-connected',
  'link-full',
  'too-many-jobs',
  'not-written',
)

/** What an RPC on a session that the client has opened may be answered with. */
export const sessionRpcProblems = problemResponses(...OF_EVERY_RPC, 'unknown-session', 'session-ended')

export const replyContent = {
  'application/xml': { schema: z.string().openapi({ description: '`<rpc-reply>`' }) },
  'application/json': { schema: z.record(z.string(), z.unknown()).openapi({ description: 'the same as JSON' }) },
}

/** The text of a schema, where that is asked for, beside the reply itself. */
const schemaContent = { 'application/yang': { schema: z.string() }, ...replyContent }

/** Registers an operation twice: as a call by itself, and on a session that the client has opened. */
export function registerOperation(api: Api, services: HttpServices, operation: Operation): void {
  const handle = handlerOf(operation, services)
  for (const place of placesOf(operation)) registerStreamingRoute(api, routeOf(operation, place, services), handle)
}

interface Place {
  readonly path: string
  readonly operationId: string
  readonly params: typeof deviceIdParameter
}

function placesOf({ name }: Operation): readonly Place[] {
  const operationId = `netconf${pascalCase(name)}`
  return [
    { path: `/api/v1/devices/{id}/${name}`, operationId, params: deviceIdParameter },
    {
      path: `/api/v1/devices/{id}/sessions/{sid}/${name}`,
      operationId: `${operationId}OnSession`,
      params: sessionIdParameter,
    },
  ]
}

/** Makes the operation of the parameters, and answers with what came of it. */
function handlerOf({ build, reply, needs }: Operation, services: HttpServices) {
  return async (c: Context<ApiEnv>): Promise<Response> => {
    const body = await c.req.text()
    const built = tryToBuild(() => build(validBody(c)))
    if (!built.ok) return answerInvalidField(c, built.fault)
    const prepared = prepareOperation(built.operation, needs)
    if (!prepared.ok) return answerBodyFault(c, notWritable(prepared.error), services.rpc.boundReached)
    const { id = '', sid } = c.req.param() as { id?: string; sid?: string }
    const wanted = reply !== undefined && asksForAnything(c.req.header('accept')) ? reply : undefined
    return answerRpc(c, services, {
      deviceId: id,
      prepared: prepared.value,
      attributes: [],
      body,
      ...(sid === undefined ? {} : { sessionId: sid }),
      ...(wanted === undefined ? {} : { format: wanted }),
    })
  }
}

/** What /openapi.json says of an operation, and what its requests are checked with. */
function routeOf(operation: Operation, { path, operationId, params }: Place, services: HttpServices) {
  const { name, summary, description, body, bodyOptional = false, example, needs, reply } = operation
  const waits = mayBecomeJob(path)
  const needed = needs === undefined ? undefined : `The device has to announce ${needs.name}.`
  const onSession = path.includes('{sid}') ? 'on the session that the client has opened, ' : ''
  const sends =
    `Sends \`<${name}>\` to the device, ${onSession}and answers with its \`<rpc-reply>\`, ` +
    'as XML unless JSON is asked for. Parameters that are left out are left out of the RPC.'
  const told = [description, sends, needed].filter((part) => part !== undefined).join('\n\n')
  return createRoute({
    method: 'post',
    path,
    ...needsOnDevice('rpc'),
    middleware: [needsOnDevice('rpc').middleware, largeJson(services)],
    operationId,
    tags: ['operations'],
    summary,
    description: told,
    request: {
      params,
      query: waits ? timeoutQuery.extend(asyncQuery.shape) : timeoutQuery,
      headers: waits ? idempotencyHeader.extend(asyncHeader.shape) : idempotencyHeader,
      body: {
        required: !bodyOptional,
        content: { 'application/json': { schema: body.openapi(`${pascalCase(name)}Parameters`, { example }) } },
      },
    },
    responses: {
      200: { description: 'the reply of the device', content: reply === 'schema' ? schemaContent : replyContent },
      ...(path.includes('{sid}') ? sessionRpcProblems : { ...(waits ? queuedResponse : {}), ...rpcProblems }),
    },
  })
}

type Built =
  | { readonly ok: true; readonly operation: XmlElement }
  | { readonly ok: false; readonly fault: InvalidField }

function tryToBuild(build: () => XmlElement): Built {
  try {
    return { ok: true, operation: build() }
  } catch (thrown) {
    if (thrown instanceof InvalidField) return { ok: false, fault: thrown }
    throw thrown
  }
}

/** Says which field is at fault, as for those that the schema finds. */
export function answerInvalidField(to: Answered, { path, message }: InvalidField): Response {
  const pointer = pointerTo(path)
  return problemResponse(to, 'invalid-request', {
    message: `${pointer}: ${message}`,
    hint: 'see /openapi.json, and docs/http.md for XML as JSON',
    errors: [{ pointer, detail: message }],
  })
}

/** Whether a client takes any form of the answer: by its `Accept`, it names neither XML nor JSON. */
export function asksForAnything(accept: string | undefined): boolean {
  return accept === undefined || !/\b(?:xml|json)\b/i.test(accept)
}

const pascalCase = (name: string): string => `-${name}`.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
