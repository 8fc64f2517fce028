import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../api.js'
import { needs } from '../middleware/require-scope.js'

/** What a bridge says of itself. */
export interface BridgeFacts {
  readonly version: string
  /** Of Node, as `v24.1.0`. */
  readonly node: string
  /** Whether ssh2 runs with its compiled addon. */
  readonly compiledAddon: boolean
  readonly startedAt: Date
  /** Where it listens, `address:port`; undefined while it starts. */
  readonly addresses: BoundAddresses | undefined
  /** Open files that the process may have, and that all its bounds together may come to. */
  readonly openFiles: { readonly limit: number | undefined; readonly wanted: number }
  readonly process: {
    readonly pid: number
    readonly uid: number | undefined
    /** Absolute; undefined where none was read. */
    readonly config: string | undefined
    /** How it was read; undefined where none was. */
    readonly configuration?: (() => Promise<ConfigurationFacts>) | undefined
    /** Absolute. */
    readonly dataDir: string
  }
}

/** How the configuration of a bridge stands to its files. */
export interface ConfigurationFacts {
  readonly readAt: Date
  /** Absolute paths of files that a reload would read otherwise. */
  readonly changed: readonly string[]
  /** Attempts since then, the last of each kind; no problem holds a secret. */
  readonly failedReloads: readonly FailedReload[]
}

export interface FailedReload {
  readonly what: 'configuration' | 'users-file'
  readonly at: Date
  readonly problems: readonly { readonly message: string; readonly hint?: string }[]
}

export interface BoundAddresses {
  readonly callHome: string
  readonly endpoint: string
  readonly furtherEndpoints?: readonly string[]
  readonly legacyEndpoint?: string
  /** A URL. */
  readonly http?: string
}

const configurationSchema = z
  .object({
    readAt: z.iso.datetime().openapi({ description: 'when the configuration was read that counts' }),
    changed: z.array(z.string()).openapi({
      description: 'files of the configuration, `.env` and files of secrets that have changed since',
      example: ['/etc/homeport/.env'],
    }),
    failedReloads: z
      .array(
        z.object({
          what: z.enum(['configuration', 'users-file']),
          at: z.iso.datetime(),
          problems: z.array(z.object({ message: z.string(), hint: z.string().optional() })),
        }),
      )
      .openapi({
        description: 'reloads that have failed since, of each kind the last: the bridge goes on with what it has',
      }),
  })
  .openapi({ description: 'absent where no file was read' })

export const bridgeSchema = z
  .object({
    version: z.string(),
    node: z.string().openapi({ example: 'v24.11.0' }),
    compiledAddon: z.boolean().openapi({ description: 'whether ssh2 runs with its compiled addon' }),
    startedAt: z.iso.datetime(),
    time: z.iso.datetime().openapi({ description: 'what the clock of the bridge says' }),
    addresses: z
      .object({
        callHome: z.string().openapi({ example: '[::]:4334' }),
        endpoint: z.string().openapi({ example: '[::]:830' }),
        furtherEndpoints: z.array(z.string()),
        legacyEndpoint: z.string().nullable().openapi({ description: 'for old clients; null where there is none' }),
        http: z.string().nullable().openapi({ example: 'http://127.0.0.1:8080' }),
      })
      .nullable()
      .openapi({ description: 'where it listens; null while it starts' }),
    openFiles: z.object({
      limit: z.int().nullable().openapi({ description: 'open files that the process may have, where that is known' }),
      wanted: z.int().openapi({ description: 'what its devices and the bounds in its configuration may come to' }),
    }),
    process: z
      .object({
        pid: z.int(),
        uid: z.int().nullable(),
        config: z.string().nullable(),
        // Bridges before 0.3 do not say it, and `homeport doctor` may ask one.
        configuration: configurationSchema.optional(),
        dataDir: z.string(),
      })
      .nullable()
      .openapi({ description: 'for whoever administers every device; null for others' }),
  })
  .openapi('Bridge')

const route = createRoute({
  method: 'get',
  path: '/api/v1/bridge',
  ...needs('read'),
  operationId: 'getBridge',
  description:
    'Version, addresses as they are bound, and limits of the process; what is of the process itself ' +
    'is for whoever administers every device.',
  tags: ['bridge'],
  summary: 'The bridge itself: its version, where it listens, what it may open',
  responses: { 200: { description: 'as it is now', content: { 'application/json': { schema: bridgeSchema } } } },
})

export function registerBridge(api: Api, about: () => BridgeFacts): void {
  api.openapi(route, async (c) => {
    const { startedAt, addresses, openFiles, process, ...facts } = about()
    return c.json(
      {
        ...facts,
        startedAt: startedAt.toISOString(),
        time: new Date().toISOString(),
        addresses:
          addresses === undefined
            ? null
            : {
                callHome: addresses.callHome,
                endpoint: addresses.endpoint,
                furtherEndpoints: [...(addresses.furtherEndpoints ?? [])],
                legacyEndpoint: addresses.legacyEndpoint ?? null,
                http: addresses.http ?? null,
              },
        openFiles: { limit: openFiles.limit ?? null, wanted: openFiles.wanted },
        process: c.var.caller.mayEverywhere('admin') ? await processView(process) : null,
      },
      200,
    )
  })
}

async function processView({
  configuration,
  ...process
}: BridgeFacts['process']): Promise<NonNullable<z.input<typeof bridgeSchema>['process']>> {
  const view = { ...process, uid: process.uid ?? null, config: process.config ?? null }
  if (configuration === undefined) return view
  const { readAt, changed, failedReloads } = await configuration()
  return {
    ...view,
    configuration: {
      readAt: readAt.toISOString(),
      changed: [...changed],
      failedReloads: failedReloads.map(({ what, at, problems }) => ({
        what,
        at: at.toISOString(),
        problems: [...problems],
      })),
    },
  }
}
