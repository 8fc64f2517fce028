import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { childOf, element, type XmlElement } from '../netconf/xml/xml-tree.js'
import type { CommandOption } from './command.js'
import { defineOperation } from './define-operation.js'
import { given, leaf, textSchema } from './parameters.js'
import { explicitSession, ownSession, type SessionPolicy } from './session-policy.js'

/** What `<commit>` says; a transaction says the same of its last step. */
export const commitSchema = z.strictObject({
  confirmed: z.boolean().optional().openapi({ description: 'rolled back unless another commit confirms it in time' }),
  'confirm-timeout': z.int().min(1).max(4_294_967_295).optional().openapi({ description: 'seconds; 600 unless given' }),
  persist: textSchema.optional().openapi({ description: 'a name, by which another session may confirm it' }),
  'persist-id': textSchema
    .optional()
    .openapi({ description: 'the name of the confirmed commit that this one confirms' }),
})

/** Options for a commit that is to be confirmed. */
export const CONFIRMED_COMMIT_OPTIONS: readonly CommandOption<keyof z.input<typeof commitSchema>>[] = [
  {
    flags: '--confirmed',
    help: 'roll back unless another commit confirms it in time',
    parameter: 'confirmed',
    as: 'flag',
  },
  { flags: '--confirm-timeout <seconds>', help: 'that time', parameter: 'confirm-timeout', as: 'number' },
  {
    flags: '--persist <name>',
    help: 'a name, by which another session may confirm it',
    parameter: 'persist',
    as: 'text',
  },
]

export function buildCommit(parameters: z.output<typeof commitSchema>): XmlElement {
  return element(
    NETCONF_NS,
    'commit',
    given(
      parameters.confirmed === true ? element(NETCONF_NS, 'confirmed') : undefined,
      leaf('confirm-timeout', parameters['confirm-timeout']),
      leaf('persist', parameters.persist),
      leaf('persist-id', parameters['persist-id']),
    ),
  )
}

/** RFC 6241 §8.3.4.1 and §8.4.5.1. */
export const commit = defineOperation({
  name: 'commit',
  namespace: NETCONF_NS,
  summary: 'Makes `candidate` the running configuration',
  body: commitSchema,
  bodyOptional: true,
  example: {},
  bodyLimit: 'short',
  queueable: true,
  session: sessionOf,
  permission: [],
  note: '`confirm-timeout` in seconds',
  command: {
    description: 'make the candidate configuration of a device the running one',
    options: [
      ...CONFIRMED_COMMIT_OPTIONS,
      {
        flags: '--persist-id <name>',
        help: 'of the confirmed commit that this one confirms',
        parameter: 'persist-id',
        as: 'text',
      },
    ],
  },
  build: buildCommit,
})

function sessionOf(operation: XmlElement): SessionPolicy {
  const says = (name: string): boolean => childOf(operation, NETCONF_NS, name) !== undefined
  if (!says('confirmed') || says('persist')) return ownSession
  return explicitSession(
    'a confirmed commit without `persist` is rolled back when its session ends, and this call would be one of its own',
    'give `persist` a name, or open a session (POST …/sessions) and send it there',
  )
}
