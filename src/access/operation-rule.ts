import { matchesGlob } from './glob.js'
import type { Operation } from './operation.js'

/** One line of a role's `operations`: what it is about, and whether it allows or forbids it. */
export interface OperationRule {
  readonly effect: 'allow' | 'deny'
  /** Namespace URI, exact; absent for any. */
  readonly namespace?: string
  /** `*` and `?` match parts of the local name. */
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

/** Whether a policy allows an operation. */
export function allowsOperation(policy: OperationPolicy, operation: Operation): boolean {
  return policy.kind === 'all' || policy.roles.some((rules) => rulesAllow(rules, operation))
}

/** Whether a role's rules allow everything there is, so that nothing needs to be parsed. */
export function allowEverything(rules: OperationRules): boolean {
  return (
    rules.every(({ effect }) => effect === 'allow') &&
    rules.some(({ namespace, name, datastore }) => name === '*' && namespace === undefined && datastore === undefined)
  )
}

function rulesAllow(rules: OperationRules, operation: Operation): boolean {
  const applying = rules.filter((rule) => applies(rule, operation))
  return applying.length > 0 && applying.every(({ effect }) => effect === 'allow')
}

function applies({ namespace, name, datastore }: OperationRule, operation: Operation): boolean {
  return (
    (namespace === undefined || namespace === operation.namespace) &&
    (datastore === undefined || datastore === operation.datastore) &&
    matchesGlob(name, operation.name)
  )
}
