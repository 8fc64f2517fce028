import { DATASTORE_OPERATIONS } from '../access/authz/standard-operations.js'
import { nearestName } from '../lib/nearest-name.js'
import { accepted, type ParseResult } from './parse-result.js'

/** Operations as a role names them: `get-config`, `edit-config:candidate`, `{urn:acme:ns}reset-*`, `*`. */
export interface OperationPattern {
  /** Namespace URI; absent where none was written. */
  readonly namespace?: string
  /** Local name; `*` and `?` match parts of it. */
  readonly name: string
  readonly datastore?: string
}

/** Reads `[{namespace-uri}]name[:datastore]`. */
export function readOperationPattern(written: string): ParseResult<OperationPattern> {
  if (written === '') return { ok: false, message: 'is empty' }
  const split = /^(?:\{(?<namespace>[^{}]*)\})?(?<name>[^{}:]*)(?::(?<datastore>.*))?$/su.exec(written)?.groups
  if (split === undefined) return { ok: false, message: 'not an operation', hint: form }
  const { namespace, name = '', datastore } = split
  if (namespace !== undefined && (namespace === '' || /[\s*?]/u.test(namespace)))
    return { ok: false, message: 'the namespace in `{}` is not a URI', hint: 'write it out; only names have patterns' }
  if (!/^[\p{L}_*?][\p{L}\p{N}_.*?-]*$/u.test(name))
    return { ok: false, message: 'the name of the operation is missing or is no XML name', hint: form }
  const operation = { ...(namespace === undefined ? {} : { namespace }), name }
  if (datastore === undefined) return accepted(operation)
  if (!/^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(datastore))
    return {
      ok: false,
      message: 'the datastore after `:` is missing or is no XML name',
      hint: 'such as running, candidate, startup, or url',
    }
  // What cannot match would seem to allow, or worse, to forbid something.
  if (!/[*?]/.test(name) && namespace === undefined && !DATASTORE_OPERATIONS.includes(name)) {
    const near = nearestName(name, DATASTORE_OPERATIONS)
    const hint = near === undefined ? 'leave the datastore away' : `did you mean \`${near}\`?`
    return { ok: false, message: `this operation names no datastore, only ${DATASTORE_OPERATIONS.join(', ')} do`, hint }
  }
  return accepted({ ...operation, datastore })
}

const form =
  'write `get-config`, `edit-config:candidate` for one datastore, ' +
  '`{namespace-uri}name` for one namespace; `*` and `?` are patterns'
