import type { Command } from 'commander'
import { readDuration } from '../../config/duration.js'
import type { AuditLine } from '../../northbound/http/routes/audit/line.js'
import { auditPageSchema } from '../../northbound/http/routes/audit/list.js'
import { askBridge } from './bridge-client.js'
import { bridgeCommand, BRIDGE_HELP, type BridgeOptions } from './bridge-command.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { type CommandFailure, exitWithFailure } from '../command-failure.js'
import { type BridgeLocation, findBridge } from './find-bridge.js'
import { auditTable } from './show-audit.js'

interface AuditOptions extends BridgeOptions {
  readonly device?: string
  readonly user?: string
  readonly session?: string
  readonly event?: string
  readonly operation?: string
  readonly outcome?: string
  readonly since?: string
  readonly until?: string
  readonly limit: string
}

/** Lines that the bridge is asked for at once, and that a command shows at most. */
const PAGE = 1000
const MOST = 1_000_000

/** `homeport audit`: who did what on which device. Asks the running bridge. */
export function auditCommand(io: CommandIo = processIo(), now: () => number = Date.now): Command {
  return bridgeCommand('audit')
    .description('who did what on which device: the newest lines of the audit log that fit, the newest last')
    .option('--device <id>', 'on this device')
    .option('--user <name>', 'by this user')
    .option('--session <session>', 'in this session')
    .option('--event <word>', 'session-opened, session-refused, rpc, session-closed or key-replaced')
    .option('--operation <name>', 'RPCs with this operation, such as edit-config')
    .option('--outcome <word>', 'RPCs with this outcome: ok, an error-tag, aborted')
    .option('--since <when>', 'not before this: 30m, 2h, 7d ago, or a time such as 2026-03-01T12:00Z')
    .option('--until <when>', 'before this')
    .option('--limit <number>', 'so many lines at most', '50')
    .addHelpText('after', helpText(`${BRIDGE_HELP}\nWith --json each line is a JSON object of its own.`))
    .action(async ({ config, socket, json, since, until, limit, ...options }: AuditOptions) => {
      const from = timeOf('--since', since, now())
      const to = timeOf('--until', until, now())
      const count = /^\d{1,7}$/.test(limit) ? Number(limit) : 0
      if (!from.ok) return exitWithFailure(from.problem, io)
      if (!to.ok) return exitWithFailure(to.problem, io)
      if (count < 1 || count > MOST)
        return exitWithFailure({ message: `--limit: expected a whole number from 1 to ${MOST}`, status: 2 }, io)
      const found = findBridge(io, { config, socket })
      if (!found.ok) return exitWithFailure(found.problem, io)
      const { device, user, session, event, operation, outcome } = options
      const wanted = { device, user, session, event, operation, outcome, since: from.time, until: to.time }
      const answer = await ask(found.location, wanted, count)
      if (!answer.ok) return exitWithFailure(answer.problem, io)
      const lines = answer.lines.toReversed()
      io.stdout.write(json === true ? lines.map((line) => `${JSON.stringify(line)}\n`).join('') : auditTable(lines))
      io.exit(0)
    })
}

type Answer =
  | { readonly ok: true; readonly lines: readonly AuditLine[] }
  | { readonly ok: false; readonly problem: CommandFailure }

/** Asks for page after page, the newest line first. */
async function ask(
  bridge: BridgeLocation,
  wanted: Readonly<Record<string, string | undefined>>,
  count: number,
): Promise<Answer> {
  const lines: AuditLine[] = []
  for (let after: string | undefined; ; ) {
    const given = Object.entries({ ...wanted, after }).filter((pair): pair is [string, string] => pair[1] !== undefined)
    const query = new URLSearchParams([...given, ['limit', String(Math.min(PAGE, count - lines.length))]])
    const answer = await askBridge(bridge, { method: 'GET', path: `/api/v1/audit?${query.toString()}` })
    if (!answer.ok) return answer
    const parsed = parsedPage(answer.text)
    if (parsed === undefined) return { ok: false, problem: notUnderstood }
    for (const line of parsed.lines) lines.push(line)
    if (parsed.next === null || lines.length >= count) return { ok: true, lines }
    after = parsed.next
  }
}

function parsedPage(text: string) {
  try {
    return auditPageSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

const notUnderstood: CommandFailure = {
  message: 'the bridge answers what this command does not understand',
  hint: 'are the command and the bridge of one version, and is it a bridge that answers there?',
  status: 1,
}

/** A time in the words of the API: some time ago, or as it was written. */
function timeOf(
  option: string,
  written: string | undefined,
  now: number,
): { readonly ok: true; readonly time: string | undefined } | { readonly ok: false; readonly problem: CommandFailure } {
  if (written === undefined) return { ok: true, time: undefined }
  const ago = readDuration(written, '0s', '36500d')
  if (ago.ok) return { ok: true, time: new Date(now - ago.value).toISOString() }
  const time = /^\d{4}-\d\d-\d\d/.test(written) ? Date.parse(written) : Number.NaN
  if (!Number.isNaN(time)) return { ok: true, time: new Date(time).toISOString() }
  const message = `${option}: expected a duration such as 2h, or a time such as 2026-03-01T12:00Z`
  return { ok: false, problem: { message, status: 2 } }
}
