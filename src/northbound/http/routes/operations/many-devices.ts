import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { stream } from 'hono/streaming'
import { MAX_SELECTOR, patternsIn, selectionOf } from '../../../../access/authz/device-selection.js'
import { createGiveWay } from '../../../../lib/give-way.js'
import type { DeviceStatus } from '../../../../fleet/device-status.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { answerProblem, problemResponses, problemSchema } from '../../problem.js'
import { problemUri } from '../../problem-types.js'
import { needs } from '../../middleware/require-scope.js'
import { answerRpc, type RpcCall } from '../../rpc/answer-rpc.js'
import { readBoundedAnswer } from '../../rpc/bounded-answer.js'
import { largeJson } from '../../rpc/large-json.js'
import {
  elementsOfPayload,
  heldPayload,
  InvalidField,
  type Payload,
  payloadSchema,
} from '../../../../operations/payload.js'
import { type PreparedOperation, prepareOperation } from '../../../../rpc/prepared-operation.js'
import { timeoutOf } from '../../rpc/timeout.js'
import type { WrittenPayload } from '../../rpc/written-payloads.js'
import { registerStreamingRoute, validBody } from '../../streaming-route.js'
import { answerInvalidField, timeoutQuery } from './operation-route.js'

const MOST_DEVICES = 100_000
const MOST_AT_ONCE = 256

const manySchema = z
  .strictObject({
    ids: z.array(z.string().min(1)).max(MOST_DEVICES).optional(),
    selectors: z
      .array(z.string().min(1).max(MAX_SELECTOR))
      .max(1000)
      .optional()
      .openapi({ description: 'as in roles: `*` and `?` in a device id, or `label=value`' }),
    labels: z.record(z.string(), z.string()).optional().openapi({ description: 'devices that have all of these' }),
    rpc: payloadSchema.openapi({ description: 'one operation' }),
    format: z.enum(['xml', 'json']).default('xml').openapi({ description: 'of the replies' }),
    concurrency: z
      .int()
      .min(1)
      .max(MOST_AT_ONCE)
      .default(16)
      .openapi({ description: 'devices that are asked at once' }),
  })
  .openapi('ManyDevicesRpc', { example: { selectors: ['router*'], rpc: '<get/>' } })

/** A line of the answer: one device's. */
export const deviceAnswerSchema = z
  .object({
    device: z.string(),
    status: z.int().openapi({ description: 'what the call on this device alone would have been answered with' }),
    milliseconds: z.int(),
    reply: z
      .union([z.string(), z.record(z.string(), z.unknown())])
      .optional()
      .openapi({ description: '`<rpc-reply>`, as text or as JSON' }),
    problem: problemSchema.optional(),
  })
  .openapi('DeviceAnswer')

/** The last line of the answer. */
export const summarySchema = z
  .object({ summary: z.object({ devices: z.int(), ok: z.int(), failed: z.int(), milliseconds: z.int() }) })
  .openapi('ManyDevicesSummary')

export type DeviceAnswer = z.infer<typeof deviceAnswerSchema>

const route = createRoute({
  method: 'post',
  path: '/api/v1/rpc',
  ...needs('rpc'),
  operationId: 'netconfRpcOnMany',
  description:
    'Chooses devices by ids, selectors or labels among those that the caller may use, and sends the ' +
    'same operation to each, so many at once. Devices answer in any order.',
  tags: ['operations'],
  summary: 'One operation on many devices; a line for each as it answers, a summary last',
  request: {
    query: timeoutQuery,
    body: { required: true, content: { 'application/json': { schema: manySchema } } },
  },
  responses: {
    200: {
      description: 'lines of JSON: devices in the order of their answers, then the summary',
      content: { 'application/x-ndjson': { schema: z.union([deviceAnswerSchema, summarySchema]) } },
    },
    ...problemResponses('invalid-request', 'malformed-json', 'body-too-large'),
  },
})

/**
 * `POST /api/v1/rpc`: the devices that the caller names and may use, so many at once, each answered as a call of its
 * own would be.
 */
export function registerManyDevicesRpc(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, { ...route, middleware: [route.middleware, largeJson(services)] }, async (c) => {
    const wanted = manySchema.parse(validBody(c))
    if (wanted.ids === undefined && wanted.selectors === undefined && wanted.labels === undefined)
      return answerProblem(c, 'invalid-request', {
        message: '#: no device is named',
        hint: 'give `ids`, `selectors` or `labels`; every device is `"selectors": ["*"]`',
        errors: [{ pointer: '#', detail: 'one of ids, selectors, labels is needed' }],
      })
    const { maxSelectorPatterns } = services.rpc.limits()
    if (patternsIn(wanted.selectors ?? []) > maxSelectorPatterns) {
      services.rpc.boundReached('max-selector-patterns')
      const detail = `the selectors with * or ? have more than ${maxSelectorPatterns} characters together`
      return answerProblem(c, 'invalid-request', {
        message: `#/selectors: ${detail}`,
        hint: 'name devices by id or label, ask in several calls, or raise endpoint.http.max-selector-patterns',
        errors: [{ pointer: '#/selectors', detail }],
      })
    }
    const timeout = timeoutOf(c, services.rpc.limits())
    if (!timeout.ok) return timeout.response
    try {
      const prepared = preparedOf(wanted.rpc)
      const ids = await chosenDevices(c, services, wanted)
      return answerLines(c, services, { ...wanted, ids, prepared })
    } catch (thrown) {
      if (thrown instanceof InvalidField) return answerInvalidField(c, thrown)
      throw thrown
    }
  })
}

type Wanted = z.output<typeof manySchema>

/** @throws InvalidField */
function preparedOf(payload: Payload): PreparedOperation {
  const held: WrittenPayload | undefined = heldPayload(payload)
  if (held?.prepared !== undefined) return held.prepared
  const [operation, ...others] = held === undefined ? elementsOfPayload(payload, ['rpc']) : []
  if (operation === undefined || others.length > 0) throw new InvalidField(['rpc'], 'give exactly one operation')
  const prepared = prepareOperation(operation)
  if (!prepared.ok) throw new InvalidField(['rpc'], prepared.error)
  return prepared.value
}

/** Those that are named one by one, known or not, and of those that are selected the ones that the caller may use. */
async function chosenDevices(
  { var: { caller } }: Context<ApiEnv>,
  { fleet }: HttpServices,
  { ids = [], selectors = [], labels }: Wanted,
): Promise<readonly string[]> {
  const isSelected = selectionOf(selectors)
  const selected = (device: DeviceStatus): boolean =>
    isSelected(device) ||
    (labels !== undefined && Object.entries(labels).every(([name, value]) => device.labels[name] === value))
  const chosen = new Set(ids)
  const giveWay = createGiveWay()
  for (const device of await fleet.devices()) {
    await giveWay()
    if (selected(device) && (await caller.mayOn('rpc', device.id))) chosen.add(device.id)
  }
  return [...chosen]
}

interface Lines extends Pick<Wanted, 'concurrency' | 'format'> {
  readonly ids: readonly string[]
  readonly prepared: PreparedOperation
}

function answerLines(c: Context<ApiEnv>, services: HttpServices, lines: Lines): Response {
  const { ids, prepared, concurrency, format } = lines
  const body = prepared.written.text
  const began = performance.now()
  c.header('Content-Type', 'application/x-ndjson')
  // For a progress bar, which has to know what there is to do.
  c.header('Homeport-Devices', String(ids.length))
  return stream(c, async (out) => {
    let next = 0
    const counted = { ok: 0, failed: 0 }
    let gone = false
    out.onAbort(() => {
      gone = true
    })
    // One writer, so that a slow reader holds back the devices that are still to be asked.
    const askNext = async (): Promise<void> => {
      for (let id = ids[next++]; id !== undefined && !gone; id = ids[next++]) {
        const answer = await askOne(c, services, { deviceId: id, prepared, attributes: [], body, format })
        counted[answer.ok ? 'ok' : 'failed'] += 1
        await out.writeln(answer.line)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, askNext))
    const milliseconds = Math.round(performance.now() - began)
    await out.writeln(JSON.stringify({ summary: { devices: ids.length, ...counted, milliseconds } }))
  })
}

interface AnswerLine {
  readonly ok: boolean
  /** A `DeviceAnswer` as JSON. */
  readonly line: string
}

/** The line of one device. A reply that is JSON stands in it as it is, because it may be long. */
async function askOne(
  c: Context<ApiEnv>,
  services: HttpServices,
  call: RpcCall & Pick<Wanted, 'format'>,
): Promise<AnswerLine> {
  const { deviceId } = call
  const began = performance.now()
  const response = await answerRpc(c, services, call)
  const { maxJsonReplySize } = services.rpc.limits()
  const read = await readBoundedAnswer(response, maxJsonReplySize)
  const answered = { device: deviceId, status: response.status, milliseconds: Math.round(performance.now() - began) }
  const withProblem = (problem: DeviceAnswer['problem'], status = answered.status): AnswerLine => ({
    ok: false,
    line: JSON.stringify({ ...answered, status, problem } satisfies DeviceAnswer),
  })
  if (read === undefined) return withProblem(tooLong(maxJsonReplySize), 413)
  if (!response.ok) return withProblem(problemSchema.parse(JSON.parse(read)))
  const reply = isJson(response) ? read : await textAsJson(read)
  return { ok: true, line: `${JSON.stringify(answered).slice(0, -1)},"reply":${reply}}` }
}

/** Characters that are written as JSON in a turn of the event loop. */
const SLICE = 256 * 1024

/** A text as a string of JSON; whatever else the process does goes on meanwhile. */
async function textAsJson(text: string): Promise<string> {
  const parts: string[] = []
  for (let at = 0; at < text.length; ) {
    // Both halves of a pair stay together.
    const isPair = /[\ud800-\udbff]/.test(text[at + SLICE - 1] ?? '')
    const end = at + SLICE + (isPair ? 1 : 0)
    parts.push(JSON.stringify(text.slice(at, end)).slice(1, -1))
    at = end
    if (at < text.length) await nextTurn()
  }
  return `"${parts.join('')}"`
}

/** One that was kept for its Idempotency-Key comes as it was asked for then. */
function isJson(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/json') === true
}

function tooLong(most: number): NonNullable<DeviceAnswer['problem']> {
  return {
    type: problemUri('reply-too-large'),
    title: 'The reply is too large for a line',
    status: 413,
    detail: `the reply is longer than ${most} octets`,
    hint: 'ask this device alone, as XML, or ask for less with a filter',
  }
}
