import type { z } from '@hono/zod-openapi'
import type { Need } from '../netconf/capabilities.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { OperationCommand } from './command.js'
import type { DatastoreUse } from './datastore-use.js'
import type { SessionPolicy } from './session-policy.js'

/**
 * A NETCONF operation that takes its parameters as JSON, as its file states it. Everything that Homeport knows about
 * the operation follows from this one definition, once `register.ts` lists it: its route with the OpenAPI
 * description, its command, its row in docs/http.md (`npm run operations`), how long its body may be, whether it may
 * wait as a job, which session it runs on, and what rules ask about it.
 *
 * @example
 *     export const deleteConfig = defineOperation({
 *       name: 'delete-config',
 *       namespace: NETCONF_NS,
 *       summary: 'Deletes a configuration other than `running`',
 *       body: z.strictObject({ target: datastoreSchema }),
 *       example: { target: 'candidate' },
 *       bodyLimit: 'short',
 *       queueable: true,
 *       session: () => ownSession,
 *       permission: [writes('target')],
 *       build: ({ target }) => element(NETCONF_NS, 'delete-config', [datastore('target', target)]),
 *     })
 */
export interface OperationDefinition<Name extends string = string, Body extends z.ZodObject = z.ZodObject> {
  /** Local name of the operation element; also the end of its path and the word of its command. */
  readonly name: Name
  /** Namespace URI of the operation element. */
  readonly namespace: string
  /** One line, in Markdown: what it does. */
  readonly summary: string
  /** More about it for /openapi.json, in Markdown. */
  readonly description?: string
  /** Its parameters. */
  readonly body: Body
  /** Whether the parameters may all be left out. */
  readonly bodyOptional?: boolean
  /** Parameters that a simulated device takes: /docs sends them where nothing else is written. */
  readonly example: z.input<Body>
  /** `request` for `endpoint.http.max-request-size`, where data of the device's may be in it; `short` for 64 KiB. */
  readonly bodyLimit: 'request' | 'short'
  /** Whether it may wait for its device as a job. */
  readonly queueable: boolean
  /** On which session it runs where the client has opened none. */
  readonly session: (operation: XmlElement) => SessionPolicy
  /**
   * What it does to datastores by its parameters: rules of roles are held against this. The first is what a rule
   * names after `:`.
   */
  readonly permission: readonly DatastoreUse[]
  /** What the device's `<hello>` has to announce, beyond what every NETCONF server can do. */
  readonly needs?: Need
  /** Where the answer is not the reply itself: the text of a schema. */
  readonly reply?: 'schema'
  /** Its command; absent where a call by itself makes no sense. */
  readonly command?: OperationCommand<Extract<keyof z.input<Body>, string>>
  /** Behind the parameters in docs/http.md, in Markdown. */
  readonly note?: string
  /**
   * The operation element.
   * @throws InvalidField for what the schema cannot say
   */
  readonly build: (given: z.output<Body>) => XmlElement
}

/** A defined operation, without the type of its parameters: all of them can stand in one register. */
export interface Operation<Name extends string = string>
  extends Omit<OperationDefinition<Name>, 'build' | 'example' | 'command'> {
  readonly example: Readonly<Record<string, unknown>>
  readonly command?: OperationCommand
  /**
   * Reads parameters and makes the operation element of them.
   * @throws ZodError where they do not fit the schema
   * @throws InvalidField for what the schema cannot say
   */
  readonly build: (parameters: unknown) => XmlElement
}

/** Defines an operation. */
export function defineOperation<const Name extends string, Body extends z.ZodObject>(
  definition: OperationDefinition<Name, Body>,
): Operation<Name> {
  const { body, build } = definition
  return { ...definition, build: (parameters) => build(body.parse(parameters)) }
}
