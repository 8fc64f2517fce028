import { ago } from '../../../fleet/ago.js'
import { failed, type Finding, warning } from '../finding.js'
import type { BridgeView, Patient } from '../patient.js'
import { reloadCommand } from '../../where-it-runs.js'

type ProcessView = NonNullable<BridgeView['process']>
type FailedReload = NonNullable<ProcessView['configuration']>['failedReloads'][number]

/** Has the running bridge read its files as they are now, and was its last reload one? */
export function lastReload({ bridge, elsewhere, now }: Patient): readonly Finding[] {
  const facts = bridge.answers ? bridge.facts?.process : undefined
  if (facts?.configuration === undefined) return []
  const { configuration } = facts
  const reload = elsewhere ? 'have it reload: on its machine, sudo systemctl reload homeport' : reloadCommand(facts)
  const since = (time: string): string => ago(now.getTime() - Date.parse(time))
  const { changed, failedReloads, readAt } = configuration
  if (failedReloads.length > 0)
    return failedReloads.map((one) =>
      failed(
        `the running bridge did not take ${NAMES[one.what]} ${since(one.at)}, and goes on with what it read ` +
          `${since(readAt)}: ${reasonsOf(one)}`,
        `${one.problems[0]?.hint ?? 'mend it'}; then ${one.what === 'users-file' ? 'save the file' : reload}`,
      ),
    )
  return changed.length === 0
    ? []
    : [warning(`changed since the running bridge read it ${since(readAt)}: ${changed.join(', ')}`, reload)]
}

const NAMES = { configuration: 'its configuration', 'users-file': 'its users file' } as const

function reasonsOf({ problems: [first, ...more] }: FailedReload): string {
  return `${first?.message ?? 'no reason is told'}${more.length === 0 ? '' : `; and ${more.length} more`}`
}

/** Whether a reload of the bridge has failed over this very problem: then it lacks it, too. */
export function hasFailedOver(message: string, { bridge }: Pick<Patient, 'bridge'>): boolean {
  const configuration = bridge.answers ? bridge.facts?.process?.configuration : undefined
  return (configuration?.failedReloads ?? []).some(({ problems }) =>
    problems.some((problem) => problem.message.endsWith(message)),
  )
}
