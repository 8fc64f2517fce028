/**
 * What of an HTTP API's newer OpenAPI document breaks clients that were written by the older one. A request has to be
 * taken still, and an answer has to be what it was said to be. New operations, new fields of answers and new values in
 * lists of values break nobody: clients have to bear them.
 */

/** A change that breaks clients. */
export interface BreakingChange {
  /** The operation, such as `POST /api/v1/rpc`, or the component, such as `Problem`, by which CHANGELOG names it. */
  readonly where: string
  readonly what: string
}

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly [keyword: string]: unknown
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

interface Operation {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Content }
  readonly responses?: Readonly<Record<string, { readonly content?: Content; readonly headers?: object }>>
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

/** Who sends what a schema describes: the client in a request, the bridge in an answer. */
type Direction = 'request' | 'answer'

export function breakingChanges(older: OpenApiDocument, newer: OpenApiDocument): readonly BreakingChange[] {
  const found = new Map<string, BreakingChange>()
  const report = (change: BreakingChange): unknown => found.set(`${change.where}: ${change.what}`, change)
  const compare = compareSchemas({ older, newer }, report)
  for (const [path, methods] of Object.entries(older.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const where = `${method.toUpperCase()} ${path}`
      const same = newer.paths[path]?.[method]
      const tell = (what: string): unknown => report({ where, what })
      if (same === undefined) tell('is gone')
      else
        compareOperations(operation, same, { tell, compare: (was, is, place) => compare(was, is, { ...place, where }) })
    }
  return [...found.values()]
}

/**
 * The changes that no line of CHANGELOG's newest section speaks of: one that says **Breaking** and names where, in
 * backticks.
 */
export function notTold(changes: readonly BreakingChange[], changelog: string): readonly BreakingChange[] {
  const [, newest = ''] = changelog.split(/^## .*$/m)
  const items = newest.split(/^(?=- )/m).filter((item) => item.includes('**Breaking**'))
  return changes.filter(({ where }) => !items.some((item) => item.includes(`\`${where}\``)))
}

interface Listener {
  readonly tell: (what: string) => unknown
  readonly compare: (older: Schema | undefined, newer: Schema | undefined, place: Omit<Place, 'where'>) => void
}

function compareOperations(older: Operation, newer: Operation, { tell, compare }: Listener): void {
  const key = (parameter: Parameter): string => `${parameter.in} parameter ${parameter.name}`
  const before = new Map(older.parameters?.map((parameter) => [key(parameter), parameter]))
  const now = new Map(newer.parameters?.map((parameter) => [key(parameter), parameter]))
  for (const [name, parameter] of before) {
    const same = now.get(name)
    if (same === undefined) tell(`the ${name} is gone`)
    else compare(parameter.schema, same.schema, { direction: 'request', at: name })
  }
  for (const [name, { required }] of now)
    if (required === true && before.get(name)?.required !== true) tell(`the ${name} is required`)

  if (newer.requestBody?.required === true && older.requestBody?.required !== true) tell('a body is required')
  compareContent(older.requestBody?.content, newer.requestBody?.content, { direction: 'request', tell, compare })

  for (const [status, answer] of Object.entries(older.responses ?? {})) {
    const same = newer.responses?.[status]
    if (same !== undefined) compareContent(answer.content, same.content, { direction: 'answer', tell, compare })
    else if (status.startsWith('2')) tell(`there is no answer ${status}`)
    for (const header of Object.keys(answer.headers ?? {}))
      if (same !== undefined && !(header in (same.headers ?? {}))) tell(`the answer ${status} has no header ${header}`)
  }

  for (const way of older.security ?? []) {
    const isEnough = (newer.security ?? []).some((other) =>
      Object.entries(other).every(([scheme, scopes]) => scopes.every((scope) => way[scheme]?.includes(scope) === true)),
    )
    if (!isEnough && newer.security !== undefined) tell(`${JSON.stringify(way)} is not enough`)
  }
}

function compareContent(older: Content = {}, newer: Content = {}, listener: Listener & Pick<Place, 'direction'>): void {
  const { direction, tell, compare } = listener
  for (const [media, { schema }] of Object.entries(older)) {
    const same = newer[media]
    if (same === undefined) tell(`${direction === 'request' ? 'a request' : 'an answer'} may not be ${media} any more`)
    else compare(schema, same.schema, { direction, at: `${direction} ${media}` })
  }
}

/** Bounds that a smaller number tightens, and those that a larger one does. */
const UPPER_BOUNDS = ['maximum', 'maxLength', 'maxItems', 'exclusiveMaximum']
const LOWER_BOUNDS = ['minimum', 'minLength', 'minItems', 'exclusiveMinimum']

interface Place {
  readonly where: string
  readonly direction: Direction
  /** Where in what is sent: `request application/json`, `.devices[].id`. */
  readonly at: string
}

type Compare = (older: Schema | undefined, newer: Schema | undefined, place: Place) => void

/**
 * @param compared pairs of components that were compared, or are being: one that holds itself ends, and nothing is told
 * twice
 */
function compareSchemas(
  documents: Readonly<Record<'older' | 'newer', OpenApiDocument>>,
  report: (change: BreakingChange) => unknown,
  compared = new Set<string>(),
): Compare {
  const compare: Compare = (older, newer, place) => {
    const name = older?.$ref?.split('/').at(-1)
    if (name === undefined) return compareAlternatives(older ?? {}, newer ?? {}, place)
    const pair = `${name} ${newer?.$ref ?? ''} ${place.direction}`
    if (newer?.$ref !== undefined && compared.has(pair)) return
    compared.add(pair)
    compareAlternatives(plain(older, documents.older), newer ?? {}, { ...place, where: name, at: '' })
  }

  const compareAlternatives: Compare = (older = {}, newer = {}, place) => {
    const before = alternatives(older, documents.older)
    const now = alternatives(newer, documents.newer)
    if (before.length === 1 && now.length === 1)
      return compareOne(plain(before[0], documents.older), plain(now[0], documents.newer), place)
    const [needed, offered] = place.direction === 'request' ? [before, now] : [now, before]
    const lost = needed.filter((one) => !offered.some((other) => fits(one, other, place)))
    if (lost.length === 0) return
    const shapes = lost.map((schema) => String(schema.type ?? schema.$ref ?? 'anything')).join(', ')
    tell(place, place.direction === 'request' ? `does not take ${shapes} any more` : `may be ${shapes}`)
  }

  /** Whether one alternative may stand for another one; what differs is not told. */
  const fits = (needed: Schema, offered: Schema, place: Place): boolean => {
    let differs = false
    const note = (): void => {
      differs = true
    }
    const [older, newer] = place.direction === 'request' ? [needed, offered] : [offered, needed]
    compareSchemas(documents, note, new Set(compared))(older, newer, place)
    return !differs
  }

  const compareOne = (older: Schema, newer: Schema, place: Place): void => {
    if (older.type !== newer.type && !isWider(place.direction, older, newer))
      return tell(place, `is ${String(newer.type ?? 'anything')}, was ${String(older.type ?? 'anything')}`)
    if (place.direction === 'request') for (const what of tighterValues(older, newer)) tell(place, what)
    compareFields(older, newer, place)
    if (older.items !== undefined && newer.items !== undefined)
      compare(older.items, newer.items, { ...place, at: `${place.at}[]` })
  }

  const compareFields = (older: Schema, newer: Schema, place: Place): void => {
    const { direction, at } = place
    for (const [field, schema] of Object.entries(older.properties ?? {})) {
      const same = newer.properties?.[field]
      if (same === undefined) tell(place, `.${field} is gone`)
      else compare(schema, same, { ...place, at: `${at}.${field}` })
    }
    const [promised, kept] = direction === 'request' ? [newer, older] : [older, newer]
    for (const field of promised.required ?? [])
      if (kept.required?.includes(field) !== true)
        tell(place, direction === 'request' ? `.${field} is required` : `.${field} may be missing`)
    if (direction === 'request' && newer.additionalProperties === false && older.additionalProperties !== false)
      tell(place, 'takes no further fields')
    if (typeof older.additionalProperties === 'object' && typeof newer.additionalProperties === 'object')
      compare(older.additionalProperties, newer.additionalProperties, { ...place, at: `${at}.*` })
  }

  const tell = ({ where, at }: Place, what: string): void => {
    report({ where, what: at === '' ? what : `${at}: ${what}` })
  }

  return compare
}

/** Whether the newer one says less of what a request may be, or the older one said nothing of what an answer is. */
function isWider(direction: Direction, older: Schema, newer: Schema): boolean {
  const [narrow, wide] = direction === 'request' ? [older, newer] : [newer, older]
  return wide.type === undefined || (wide.type === 'number' && narrow.type === 'integer')
}

/** What a request may not be any more; an answer may have values that are new. */
function tighterValues(older: Schema, newer: Schema): readonly string[] {
  const lost = (older.enum ?? []).filter((value) => newer.enum !== undefined && !newer.enum.includes(value))
  const bounds = [...UPPER_BOUNDS, ...LOWER_BOUNDS].flatMap((bound) => {
    const [was, is] = [older[bound], newer[bound]]
    if (typeof is !== 'number') return []
    if (typeof was !== 'number') return [`${bound} is ${is}, was not set`]
    const isTighter = UPPER_BOUNDS.includes(bound) ? is < was : is > was
    return isTighter ? [`${bound} is ${is}, was ${was}`] : []
  })
  return [
    ...(lost.length === 0 ? [] : [`does not take ${lost.map((value) => JSON.stringify(value)).join(', ')} any more`]),
    ...(older.enum === undefined && newer.enum !== undefined ? ['takes certain values alone'] : []),
    ...bounds,
    ...(newer.pattern !== undefined && newer.pattern !== older.pattern ? ['has another pattern'] : []),
  ]
}

/** A schema without references to others and with the parts of `allOf` put together. */
function plain(schema: Schema | undefined, document: OpenApiDocument): Schema {
  if (schema === undefined) return {}
  if (schema.$ref !== undefined)
    return plain(document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''], document)
  if (schema.allOf === undefined) return schema
  const { allOf, ...rest } = schema
  return [...allOf.map((part) => plain(part, document)), rest].reduce((whole, part) => ({
    ...whole,
    ...part,
    ...(whole.properties === undefined && part.properties === undefined
      ? {}
      : { properties: { ...whole.properties, ...part.properties } }),
    ...(whole.required === undefined && part.required === undefined
      ? {}
      : { required: [...new Set([...(whole.required ?? []), ...(part.required ?? [])])] }),
  }))
}

/** What something may be, one schema of one type each; a component stays the reference to it. */
function alternatives(schema: Schema, document: OpenApiDocument): readonly Schema[] {
  const resolved = plain(schema, document)
  const parts = resolved.anyOf ?? resolved.oneOf
  if (parts !== undefined) return parts.flatMap((part) => alternatives(part, document))
  if (typeof resolved.type !== 'object') return [schema]
  return resolved.type.map((type) => ({ ...resolved, type }))
}
