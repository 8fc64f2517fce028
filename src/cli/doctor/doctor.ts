import { Command } from 'commander'
import { z } from 'zod'
import { version } from '../../app/package-info.js'
import { exitWithFailure } from '../command-failure.js'
import { type CommandIo, processIo } from '../command-io.js'
import { whyUnaddressable } from '../operator/bridge-client.js'
import { BRIDGE_HELP, type BridgeOptions, withBridgeChoice } from '../operator/bridge-command.js'
import { helpText } from '../house-help.js'
import { checkAccess } from './checks/access.js'
import { checkBridge, checkNode, checkVersion } from './checks/bridge.js'
import { checkCertificates } from './checks/certificates.js'
import { checkClock } from './checks/clock.js'
import { checkConfiguration } from './checks/configuration.js'
import { checkCredentials } from './checks/credentials.js'
import { checkDataDir } from './checks/data-dir.js'
import { checksOfDevice } from './checks/device.js'
import { checkDevices } from './checks/devices.js'
import { checkFiles } from './checks/files.js'
import { checkNames } from './checks/names.js'
import { checkOpenFiles } from './checks/open-files.js'
import { checkPorts } from './checks/ports.js'
import { checkService } from './checks/service.js'
import { VERDICTS } from './finding.js'
import { examine } from './patient.js'
import { type Check, type CheckedFinding, runChecks } from './run-checks.js'
import { findingsText } from './show-findings.js'

/** What is looked at besides devices, in the order in which somebody would look. */
const CHECKS: readonly Check[] = [
  { name: 'configuration', run: checkConfiguration },
  { name: 'files', run: checkFiles },
  { name: 'certificates', run: checkCertificates },
  { name: 'credentials', run: checkCredentials },
  { name: 'names', run: checkNames },
  { name: 'data-dir', run: checkDataDir },
  { name: 'clock', run: checkClock },
  { name: 'service', run: checkService },
  { name: 'bridge', run: checkBridge },
  { name: 'access', run: checkAccess },
  { name: 'version', run: checkVersion },
  { name: 'node', run: checkNode },
  { name: 'open-files', run: checkOpenFiles },
  { name: 'ports', run: checkPorts },
]

/** What `homeport doctor --json` prints. */
export const doctorReportSchema = z.object({
  /** Whether nothing is wrong. */
  ok: z.boolean(),
  /** Of the command. */
  version: z.string(),
  device: z.string().optional(),
  findings: z.array(
    z.object({ check: z.string(), verdict: z.enum(VERDICTS), message: z.string(), hint: z.string().optional() }),
  ),
})

/** `homeport doctor [ID]`: what is wrong with the bridge, its machine and its devices, and what to do about it. */
export function doctorCommand(io: CommandIo = processIo()): Command {
  return withBridgeChoice(new Command('doctor'))
    .description('look for what is wrong with the bridge, its machine and its devices, and say what to do')
    .argument('[id]', 'a device, about which everything is looked at')
    .option('--json', 'print what was found as JSON')
    .addHelpText('after', helpText(`${BRIDGE_HELP}\n${DOCTOR_HELP}`))
    .action((id: string | undefined, options: BridgeOptions) => doctor(id, options, io))
}

const DOCTOR_HELP = [
  'Status 0 means that nothing is wrong, warnings apart; 1 that something is. It changes nothing, and works without a',
  'running bridge. What only root or the user of the bridge may see is `not checked` for others.',
].join(' ')

async function doctor(id: string | undefined, options: BridgeOptions, io: CommandIo): Promise<void> {
  const unaddressable = id === undefined ? undefined : whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  const patient = await examine(io, options, new Date())
  const ofDevices = id === undefined ? [{ name: 'devices', run: checkDevices }] : checksOfDevice(id)
  const findings = await runChecks([...CHECKS, ...ofDevices], patient)
  const well = findings.every(({ verdict }) => verdict !== 'failed')
  if (options.json === true) io.stdout.write(`${JSON.stringify(report(findings, { id, well }))}\n`)
  else io.stdout.write(findingsText(findings))
  io.exit(well ? 0 : 1)
}

function report(
  findings: readonly CheckedFinding[],
  { id, well }: { readonly id: string | undefined; readonly well: boolean },
): z.infer<typeof doctorReportSchema> {
  return { ok: well, version, ...(id === undefined ? {} : { device: id }), findings: [...findings] }
}
