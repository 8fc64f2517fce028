import { datastoreSchema, filterSchema, sourceSchema } from '../../../operations/parameters.js'
import { payloadSchema } from '../../../operations/payload.js'
import type { Api } from '../api.js'

/**
 * Registers what several routes refer to, before any route does: else the component would have the default and the
 * description of the first place that it stands in.
 */
export function registerSharedSchemas({ openAPIRegistry }: Api): void {
  openAPIRegistry.register('Payload', payloadSchema)
  openAPIRegistry.register('Datastore', datastoreSchema)
  openAPIRegistry.register('Source', sourceSchema)
  openAPIRegistry.register('Filter', filterSchema)
}

/** `/openapi.json`: made from the definitions that the routes check requests with, so it cannot differ from them. */
export function registerOpenApi(api: Api): void {
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'a token of `homeport token create`, or a JWT of the configured issuer',
  })
  api.openAPIRegistry.registerComponent('securitySchemes', 'password', {
    type: 'http',
    scheme: 'basic',
    description: 'a user of the configuration, over TLS or on the loopback address',
  })
  api.get('/openapi.json', (c) =>
    c.json(
      api.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Homeport',
          version: 'v1',
          description:
            'Devices that call home. Errors are problem details (RFC 9457) with a `hint`. HEAD is answered wherever ' +
            'GET is; a method that a path does not have is 405 `method-not-allowed`, with `Allow`.',
          license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
        },
        // Relative: the API answers wherever it is reached, over a Unix socket too.
        servers: [{ url: '/' }],
        tags: ['bridge', 'devices', 'operations', 'streams', 'jobs', 'sessions', 'audit', 'tokens'].map((name) => ({
          name,
        })),
      }),
    ),
  )
}
