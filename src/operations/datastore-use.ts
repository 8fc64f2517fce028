/** A parameter of an operation that names a datastore, and what is done to it. */
export interface DatastoreUse {
  readonly parameter: 'source' | 'target' | 'datastore'
  readonly access: 'read' | 'write' | 'other'
  /** `<source><running/></source>` (RFC 6241), or `<source>ds:running</source>` (RFC 8526, RFC 9144). */
  readonly form: 'element' | 'identity'
}

type Parameter = DatastoreUse['parameter']
type Form = DatastoreUse['form']

/** The parameter names a datastore that is read. */
export const reads = (parameter: Parameter, form: Form = 'element'): DatastoreUse => use(parameter, 'read', form)

/** The parameter names a datastore that is changed. */
export const writes = (parameter: Parameter, form: Form = 'element'): DatastoreUse => use(parameter, 'write', form)

/** The parameter names a datastore that is neither: it is locked, or checked. */
export const concerns = (parameter: Parameter, form: Form = 'element'): DatastoreUse => use(parameter, 'other', form)

function use(parameter: Parameter, access: DatastoreUse['access'], form: Form): DatastoreUse {
  return { parameter, access, form }
}
