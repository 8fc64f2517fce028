import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ImportedDevice, ImportFault } from '../../../../fleet/enrolment/enrolment.js'
import { parsePublicKeyLine } from '../../../../ssh/public-key.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { directoryOf } from '../../../device-directory.js'
import { needs } from '../../middleware/require-scope.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { decisiveAmong, mayGiveCredentials } from './change.js'
import { newDeviceIdSchema } from './device-id.js'
import { labelsSchema } from './labels-schema.js'

/** Devices of a call; their writes and their checks take some milliseconds each. */
export const MOST_IMPORTED = 200

const word = z.string().min(1).max(255)

const hostKey = z.string().transform((line, context) => {
  const parsed = parsePublicKeyLine(line)
  if (parsed.ok) return { type: parsed.key.type, blob: parsed.key.blob }
  context.addIssue({ code: 'custom', message: parsed.failure.message })
  return z.NEVER
})

const importedSchema = z.strictObject({
  id: newDeviceIdSchema,
  'host-keys': z
    .array(hostKey.openapi({ type: 'string' }))
    .max(8)
    .optional()
    .openapi({ description: 'lines as in a .pub file, of the keys that the id is to be bound to' }),
  secret: z.string().min(1).max(1024).optional().openapi({ format: 'password', writeOnly: true }),
  labels: labelsSchema.optional(),
  vendor: word.optional(),
  credentials: word.optional().openapi({ description: 'the name of a credentials profile of the configuration' }),
})

const importSchema = z
  .strictObject({
    devices: z.array(importedSchema).min(1).max(MOST_IMPORTED),
    'dry-run': z.boolean().default(false).openapi({ description: 'only says what would become of each' }),
  })
  .openapi('DeviceImport', { example: { devices: [{ id: 'edge-7', labels: { site: 'tokyo' } }], 'dry-run': true } })

const importedAnswer = z
  .object({ devices: z.array(z.object({ id: z.string(), outcome: z.enum(['added', 'changed', 'unchanged']) })) })
  .openapi('ImportedDevices')

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/import',
  ...needs('admin'),
  operationId: 'importDevices',
  description:
    'Each device is added, changed or left as it is; where one of them cannot be, none is, and ' +
    '`errors` names every one at fault. With `dry-run` nothing is changed at all.',
  tags: ['devices'],
  summary: 'Enrols many devices, or none where one of them cannot be; it may be repeated',
  request: { body: { required: true, content: { 'application/json': { schema: importSchema } } } },
  responses: {
    200: {
      description: 'what became of each, in the order of the request',
      content: { 'application/json': { schema: importedAnswer } },
    },
    ...problemResponses('not-imported', 'invalid-request', 'not-written'),
  },
})

export function registerImportDevices(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { devices, 'dry-run': dryRun } = c.req.valid('json')
    const faults = (await Promise.all(devices.map((device, at) => faultsOf(c, services, { device, at })))).flat()
    if (faults.length > 0) return answerNotImported(c, faults)
    const result = await services.enrolments.import(
      devices.map((device) => importedOf(c, device)),
      dryRun,
    )
    if (result.ok)
      return c.json(
        { devices: devices.map(({ id }, at) => ({ id, outcome: result.outcomes[at] ?? 'unchanged' })) },
        200,
      )
    if ('faults' in result) return answerNotImported(c, result.faults)
    return answerProblem(c, 'not-written', {
      message: `${JSON.stringify(result.notWritten)} holds until the bridge stops, but could not be written`,
      hint: 'look at the log and at the disk of data-dir, then import again',
    })
  })
}

type Wanted = z.output<typeof importedSchema>

/** What the caller may not do of it, as for each device alone. */
async function faultsOf(
  c: Context<ApiEnv>,
  services: HttpServices,
  { device, at }: { readonly device: Wanted; readonly at: number },
): Promise<readonly ImportFault[]> {
  const { id, labels = {}, credentials } = device
  const { caller } = c.var
  const fault = (message: string): readonly ImportFault[] => [{ at, message: `${JSON.stringify(id)} ${message}` }]
  const before = await services.enrolments.labelsOf(id)
  const mayAdd = caller.mayOnNew('admin', { id, labels })
  if (!mayAdd || (before !== undefined && !(await caller.mayOn('admin', id))))
    return fault('is not among the devices of your roles with the scope `admin`')
  const decisive = before && (await decisiveAmong(c, services, changedNames(before, labels)))
  if (decisive) return fault(`has the label ${JSON.stringify(decisive)}, which rights go by: you may not change it`)
  const selectable = await directoryOf(services.fleet, services.enrolments).selectable(id)
  if (!mayGiveCredentials(caller.decider(before === undefined ? { id, labels } : selectable), credentials))
    return fault(`may not be given the credentials ${JSON.stringify(credentials)} by you`)
  return []
}

function changedNames(before: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>) {
  return Object.entries(labels).flatMap(([name, value]) =>
    Object.hasOwn(before, name) && before[name] === value ? [] : [name],
  )
}

function importedOf({ var: { caller } }: Context<ApiEnv>, device: Wanted): ImportedDevice {
  const { id, 'host-keys': hostKeys = [], secret, labels, vendor, credentials } = device
  return {
    deviceId: id,
    hostKeys,
    by: caller.decider({ id, labels: labels ?? {} }),
    ...(secret === undefined ? {} : { secret }),
    ...(labels === undefined ? {} : { labels }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

function answerNotImported(c: Context<ApiEnv>, faults: readonly ImportFault[]) {
  return answerProblem(c, 'not-imported', {
    message: `nothing was imported: ${faults.map(({ message }) => message).join('; ')}`.slice(0, 2000),
    hint: 'mend or leave out those that `errors` names, and import again',
    errors: faults.map(({ at, message }) => ({ pointer: `#/devices/${at}`, detail: message })),
  })
}
