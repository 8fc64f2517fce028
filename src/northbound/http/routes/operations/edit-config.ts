import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element, type XmlElement } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { configOf, datastore, datastoreSchema, given, leaf, textSchema } from '../../rpc/parameters.js'
import { InvalidField, payloadSchema } from '../../rpc/payload.js'
import { registerOperation } from './operation-route.js'

/** What an edit says besides its target. */
export const editSchema = z.strictObject({
  config: payloadSchema.optional(),
  url: textSchema.optional().openapi({ description: 'instead of `config`, where the device has `:url`' }),
  'default-operation': z.enum(['merge', 'replace', 'none']).optional(),
  'test-option': z.enum(['test-then-set', 'set', 'test-only']).optional(),
  'error-option': z.enum(['stop-on-error', 'continue-on-error', 'rollback-on-error']).optional(),
})

/** An edit of a simulated device. */
export const exampleEdit = {
  config: '<system xmlns="urn:homeport:simulated-device"><location>row 4, rack 11</location></system>',
}

/** `<edit-config>`. `path` is where the edit stands in the request. */
export function buildEdit(
  target: z.output<typeof datastoreSchema>,
  edit: z.output<typeof editSchema>,
  path: readonly (string | number)[] = [],
): XmlElement {
  const { config, url } = edit
  if ((config === undefined) === (url === undefined))
    throw new InvalidField([...path, 'config'], 'give `config`, or `url` instead')
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

export function registerEditConfig(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'edit-config',
    summary: 'Changes a configuration',
    parameters: editSchema.extend({ target: datastoreSchema }),
    example: { target: 'candidate', ...exampleEdit },
    build: ({ target, ...edit }) => buildEdit(target, edit),
  })
}
