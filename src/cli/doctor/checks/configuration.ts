import { formatPath } from '../../../config/yaml/value-path.js'
import { certificatesNamedIn } from '../../../config/certificates.js'
import { formatProblem, type Problem } from '../../../config/problem.js'
import { homeportCommand } from '../../../lib/shell-word.js'
import { counted } from '../../../lib/counted.js'
import { failed, fewOf, type Finding, notChecked, ok, onlyForRoot, warning } from '../finding.js'
import type { Patient } from '../patient.js'
import { hasFailedOver, lastReload } from './last-reload.js'

const NO_HINT = '`homeport check-config` tells more'

/** Is there a configuration, is it right, and is it the one that the running bridge has? */
export function checkConfiguration(patient: Patient): readonly Finding[] {
  return [...ofFile(patient), ...lastReload(patient)]
}

function ofFile(patient: Patient): readonly Finding[] {
  const { configuration, elsewhere, bridge } = patient
  if (!configuration.found) {
    const { why, hint } = configuration
    return [elsewhere ? notChecked(why, hint) : failed(why, hint)]
  }
  const { loaded, path, seesVariables } = configuration
  const running = bridge.answers ? (bridge.facts?.process?.config ?? undefined) : undefined
  if (!loaded.ok)
    return fewOf(
      loaded.problems.map((problem) =>
        running === path && !seesVariables && !hasFailedOver(problem.message, patient)
          ? unlessVariable(problem)
          : told(problem),
      ),
      'problems',
    )
  const { devices, users } = loaded.config
  const another =
    running === undefined || running === path
      ? []
      : [
          warning(
            `the running bridge has read ${running}, not ${path}`,
            `look at that one: ${homeportCommand('doctor', { config: running })}`,
          ),
        ]
  // Those are told with the certificates.
  const ofCertificates = new Set(certificatesNamedIn(loaded.config).certificates.map((one) => formatPath(one.path)))
  const warnings = loaded.warnings
    .filter(({ key }) => !ofCertificates.has(key))
    .map((problem) => warning(lineOf(problem), problem.hint ?? NO_HINT))
  return [
    ok(`${path}: ${counted(devices.length, 'device')}, ${counted(users.length, 'user')}`),
    ...another,
    ...fewOf(warnings, 'warnings'),
  ]
}

/** A variable that the running bridge may have is only not seen from here. */
function unlessVariable(problem: Problem): Finding {
  return /^the environment variable \w+ is not set$/.test(problem.message)
    ? onlyForRoot(`${lineOf(problem)} here; what the running bridge has cannot be seen`)
    : told(problem)
}

function told(problem: Problem): Finding {
  // Whether the bridge may read it, is told with the files.
  return problem.denied !== undefined ? onlyForRoot(lineOf(problem)) : failed(lineOf(problem), problem.hint ?? NO_HINT)
}

function lineOf({ hint: _told, ...problem }: Problem): string {
  return formatProblem(problem)
}
