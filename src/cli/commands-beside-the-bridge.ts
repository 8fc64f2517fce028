/**
 * The commands that are not the bridge itself, in one piece: the fewer files a command is made of, the sooner it runs.
 */
export { caCommand } from './ca/ca.js'
export { checkConfigCommand } from './check-config.js'
export { answerCommand } from './completion/answer.js'
export { completionCommand } from './completion/completion.js'
export { doctorCommand } from './doctor/doctor.js'
export { simulateCommand } from './lab/simulate.js'
export { onboardCommand } from './onboard/onboard.js'
export { auditCommand } from './operator/audit.js'
export { devicesCommand } from './operator/devices.js'
export { nodesCommand } from './operator/nodes.js'
export { operationCommands } from './operator/operations.js'
export { rpcCommand } from './operator/rpc.js'
export { sessionsCommand } from './operator/sessions.js'
export { tokenCommand } from './operator/tokens.js'
export { userCommand } from './user.js'
