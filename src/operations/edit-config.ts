import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element, type XmlElement } from '../netconf/xml/xml-tree.js'
import { writes } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { configOf, datastore, datastoreSchema, defaultOperationSchema, given, leaf, textSchema } from './parameters.js'
import { InvalidField, payloadSchema } from './payload.js'
import { ownSession } from './session-policy.js'

/** What an edit says besides its target. */
export const editSchema = z.strictObject({
  config: payloadSchema.optional(),
  url: textSchema.optional().openapi({ description: 'instead of `config`, where the device has `:url`' }),
  'default-operation': defaultOperationSchema.optional(),
  'test-option': z.enum(['test-then-set', 'set', 'test-only']).optional(),
  'error-option': z.enum(['stop-on-error', 'continue-on-error', 'rollback-on-error']).optional(),
})

/** An edit of a simulated device. */
export const exampleEdit = {
  config: '<system xmlns="urn:homeport:simulated-device"><location>row 4, rack 11</location></system>',
}

/** Where the command of an edit has what it changes. */
export const configArgument = {
  flags: '[file]',
  help: 'what goes into <config>, as XML (default: standard input)',
  parameter: 'config',
  as: 'file',
} as const

export const defaultOperationOption = {
  flags: '--default-operation <word>',
  help: 'what is done where the edit does not say',
  parameter: 'default-operation',
  as: 'words',
  choices: defaultOperationSchema.options,
} as const

/**
 * Says where an edit has both a configuration and a URL of one, or neither.
 * @param path of the edit in the request
 * @throws InvalidField
 */
export function requireConfigOrUrl(
  { config, url }: Pick<z.output<typeof editSchema>, 'config' | 'url'>,
  path: readonly (string | number)[] = [],
): void {
  if ((config === undefined) === (url === undefined))
    throw new InvalidField([...path, 'config'], 'give `config`, or `url` instead')
}

/** `<edit-config>`. `path` is where the edit stands in the request. */
export function buildEdit(
  target: z.output<typeof datastoreSchema>,
  edit: z.output<typeof editSchema>,
  path: readonly (string | number)[] = [],
): XmlElement {
  const { config, url } = edit
  requireConfigOrUrl(edit, path)
  return element(
    NETCONF_NS,
    'edit-config',
    given(
      datastore('target', target),
      leaf('default-operation', edit['default-operation']),
      leaf('test-option', edit['test-option']),
      leaf('error-option', edit['error-option']),
      config === undefined ? leaf('url', url) : configOf(config, [...path, 'config']),
    ),
  )
}

/** RFC 6241 §7.2. */
export const editConfig = defineOperation({
  name: 'edit-config',
  namespace: NETCONF_NS,
  summary: 'Changes a configuration',
  body: editSchema.extend({ target: datastoreSchema }),
  example: { target: 'candidate', ...exampleEdit },
  bodyLimit: 'request',
  queueable: true,
  session: () => ownSession,
  permission: [writes('target')],
  note: '`config`, or `url` instead',
  command: {
    description: 'change a configuration of a device',
    argument: configArgument,
    options: [
      { flags: '--target <datastore>', help: 'candidate, or running', parameter: 'target', as: 'text', required: true },
      defaultOperationOption,
      {
        flags: '--test-option <word>',
        parameter: 'test-option',
        as: 'words',
        choices: editSchema.shape['test-option'].unwrap().options,
      },
      {
        flags: '--error-option <word>',
        parameter: 'error-option',
        as: 'words',
        choices: editSchema.shape['error-option'].unwrap().options,
      },
    ],
  },
  build: ({ target, ...edit }) => buildEdit(target, edit),
})
