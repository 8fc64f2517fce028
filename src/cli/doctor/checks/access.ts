import { bridgeSocketIn, SERVICE_SOCKET } from '../../../app/bridge-socket.js'
import { bridgeSchema } from '../../../northbound/http/routes/bridge.js'
import { askBridge } from '../../operator/bridge-client.js'
import type { BridgeLocation } from '../../operator/find-bridge.js'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'

/** By which way is the bridge asked, and does that give what the commands need? */
export async function checkAccess(patient: Patient): Promise<readonly Finding[]> {
  const { location, io, bridge } = patient
  if (location === undefined) return [notChecked('nothing says where the bridge is')]
  if (location.kind === 'url') return ofUrl(location, patient)
  const unused = ['HOMEPORT_TOKEN', 'HOMEPORT_CA_FILE'].filter((name) => (io.env[name] ?? '') !== '')
  const idle = unused.map((name) =>
    warning(`${name} is set, and HOMEPORT_URL is not: it is not used`, 'set both, or neither'),
  )
  const answered = bridge.answers
    ? ok('over a socket of this machine, as the operator')
    : notChecked('no socket answers')
  return [answered, ...idle, ...(await secondBridge(patient))]
}

function ofUrl({ url, token }: Extract<BridgeLocation, { kind: 'url' }>, { bridge }: Patient): readonly Finding[] {
  if (token === undefined)
    return [failed(`${url.href}: HOMEPORT_TOKEN is not set`, 'on the bridge: homeport token create --user NAME')]
  if (!bridge.answers) return [notChecked(`${url.href}: nobody answers`)]
  if (bridge.facts === undefined || bridge.devices === undefined)
    return [
      failed(`${url.href}: the token is refused, or has not the scope read`, 'on the bridge: homeport token list'),
    ]
  return [ok(`${url.href}, with a token`)]
}

/** Whether the service and the bridge of the configuration are two, so that commands ask the one that is not meant. */
async function secondBridge(patient: Patient): Promise<readonly Finding[]> {
  const dataDir = usableConfig(patient)?.dataDir
  if (dataDir === undefined) return []
  const pids = await Promise.all([SERVICE_SOCKET, bridgeSocketIn(dataDir)].map(pidBehind))
  const [first, second] = pids.filter((pid) => pid !== undefined)
  if (first === undefined || second === undefined || first === second) return []
  return [
    warning(
      `two bridges run here: process ${first} on ${SERVICE_SOCKET}, and ${second} in ${dataDir}`,
      'stop one of them, or name the one that is meant with --config',
    ),
  ]
}

async function pidBehind(path: string): Promise<number | undefined> {
  const answer = await askBridge({ kind: 'socket', path }, { method: 'GET', path: '/api/v1/bridge', timeout: 2_000 })
  return answer.ok ? bridgeSchema.safeParse(JSON.parse(answer.text)).data?.process?.pid : undefined
}
