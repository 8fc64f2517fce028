import { NETCONF_NS } from '../../netconf/xml/namespaces.js'
import { matchesGlob, matchesGlobInCase } from '../../lib/glob.js'
import { formatOperation, type Operation } from './operation.js'
import { datastoreUses, namespacesOf } from './standard-operations.js'

/** One line of a role's `operations` or `denied-operations`: what it is about, and whether it allows or forbids it. */
export interface OperationRule {
  readonly effect: 'allow' | 'deny'
  /**
   * Namespace URI, exact. Absent: where the rule denies, any; where it allows, any but for names of the standards,
   * which are theirs.
   */
  readonly namespace?: string
  /** `*` and `?` match parts of the local name; case counts only where the rule allows. */
  readonly name: string
  /** Absent for any datastore, and for none. */
  readonly datastore?: string
}

/** The rules of one role. A rule that denies wins over all that allow; what no rule allows is denied. */
export type OperationRules = readonly OperationRule[]

/** What operations somebody may use on a device: every one, unparsed, or what at least one of several roles allows. */
export type OperationPolicy =
  | { readonly kind: 'all' }
  | { readonly kind: 'rules'; readonly roles: readonly OperationRules[] }

export type OperationDecision = { readonly allowed: true } | { readonly allowed: false; readonly reason: string }

/** Whether a policy allows an operation, and why not. Ending one's own session is always allowed. */
export function decide(policy: OperationPolicy, operation: Operation): OperationDecision {
  if (policy.kind === 'all' || endsOneShotSession(operation)) return { allowed: true }
  if (operation.unclear !== undefined) return { allowed: false, reason: operation.unclear }
  if (policy.roles.some((rules) => rulesAllow(rules, operation))) return { allowed: true }
  const denying = policy.roles.some((rules) => rules.some((rule) => denies(rule, operation)))
  return {
    allowed: false,
    reason: denying ? `a rule denies ${formatOperation(operation)}` : `no rule allows ${formatOperation(operation)}`,
  }
}

/** Whether a role's rules allow everything there is, so that nothing needs to be parsed. */
export function allowEverything(rules: OperationRules): boolean {
  return (
    rules.every(({ effect }) => effect === 'allow') &&
    rules.some(({ namespace, name, datastore }) => name === '*' && namespace === undefined && datastore === undefined)
  )
}

function endsOneShotSession({ namespace, name }: Operation): boolean {
  return name === 'close-session' && (namespace === NETCONF_NS || namespace === '')
}

function rulesAllow(rules: OperationRules, operation: Operation): boolean {
  const [own, ...further] = operation.uses
  const covered = (named: Named, datastore: string | undefined): boolean =>
    rules.some((rule) => rule.effect === 'allow' && allows(rule, named, datastore))
  return (
    covered(operation, own?.datastore) &&
    // What copy-config reads, or an edit takes from a URL, must be allowed as well, as such or as something to read.
    further.every(
      ({ datastore }) => datastore === 'config' || covered(operation, datastore) || covered(getConfig, datastore),
    ) &&
    !rules.some((rule) => denies(rule, operation))
  )
}

type Named = Pick<Operation, 'namespace' | 'name'>

const getConfig: Named = { namespace: NETCONF_NS, name: 'get-config' }
const editConfig: Named = { namespace: NETCONF_NS, name: 'edit-config' }

function allows(rule: OperationRule, { namespace, name }: Named, datastore: string | undefined): boolean {
  if (rule.datastore !== undefined && rule.datastore !== datastore) return false
  if (rule.namespace !== undefined && rule.namespace !== namespace) return false
  if (!matchesGlobInCase(rule.name, name)) return false
  // A name of the standards in a namespace of somebody else is another operation, and to a device that ignores
  // namespaces it is the standards': only a rule that says just this, or allows every name, is about it.
  const foreign = namespacesOf(name)?.includes(namespace) === false
  return !foreign || (rule.namespace === undefined ? rule.name === '*' : rule.name === name)
}

/** A denial holds for the operation, and for any other operation that reads or writes the same datastore. */
function denies(rule: OperationRule, operation: Operation): boolean {
  if (rule.effect !== 'deny') return false
  const { uses } = operation
  const forbidden = (datastore: string): boolean =>
    rule.datastore === undefined || rule.datastore.toLowerCase() === datastore.toLowerCase()
  if (isAbout(rule, operation)) {
    if (rule.datastore === undefined || uses.some(({ datastore }) => forbidden(datastore))) return true
    // The request does not say which datastore it means.
    if (uses.length === 0 && datastoreUses(operation.name).length > 0) return true
  }
  return uses.some(
    ({ access, datastore }) =>
      !NOT_DATASTORES.has(datastore) &&
      forbidden(datastore) &&
      ((access === 'read' && isAbout(rule, getConfig)) || (access === 'write' && isAbout(rule, editConfig))),
  )
}

const NOT_DATASTORES: ReadonlySet<string> = new Set(['url', 'config'])

/** Whether a denial names an operation. Many devices take an operation in no namespace for one of any. */
function isAbout(rule: OperationRule, { namespace, name }: Named): boolean {
  const named = rule.namespace === undefined || namespace === '' || rule.namespace === namespace
  return named && matchesGlob(rule.name, name)
}
