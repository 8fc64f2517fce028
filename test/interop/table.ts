import { LOGINS, type PeerOutcomes, type Trial, TRIALS } from './trial.js'

export const BEGIN = '<!-- made by `npm run test:interop -- --write` -->'
export const END = '<!-- the matrix ends -->'

/** One side of the bridge: a heading, and the peers on it. */
export interface Side {
  readonly heading: string
  readonly peers: readonly PeerOutcomes[]
}

const trials = Object.keys(TRIALS) as readonly Trial[]
const logins: readonly Trial[] = LOGINS
const further = trials.filter((trial) => !logins.includes(trial))

/** What the run has shown, as the text between the markers of the page. */
export function tablesOf(sides: readonly Side[]): string {
  return sides
    .flatMap(({ heading, peers }) => [
      `## ${heading}`,
      table(['logs in by', 'version'], logins, peers),
      table(['does'], further, peers),
      ...reasons(peers),
    ])
    .join('\n\n')
}

/** The page with this text between its markers. */
export function withTables(page: string, tables: string): string {
  const [before, rest] = page.split(BEGIN)
  const [, after] = rest?.split(END) ?? []
  if (before === undefined || after === undefined) throw new Error(`the page lacks ${BEGIN} or ${END}`)
  return `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`
}

/** The peers that a page has, and what it says of each: its lines with the name of a peer. */
export function linesOf(text: string, { peer }: PeerOutcomes): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith(`| ${peer.name} |`) || line.startsWith(`- **${peer.name}**`))
}

/** The same text with no version in it: a security update of Debian changes one, and makes nothing untrue. */
export function withoutVersions(text: string): string {
  return text.replaceAll(/^(\| [^|]+ \|) \d[^|]* \|/gm, '$1 |')
}

function table(heads: readonly string[], columns: readonly Trial[], peers: readonly PeerOutcomes[]): string {
  const rows = peers.map((each) => [
    each.peer.name,
    ...heads.slice(1).map(() => each.version),
    ...columns.map((trial) => cell(each, trial)),
  ])
  const head = [...heads, ...columns.map((trial) => TRIALS[trial])]
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function cell({ outcomes }: PeerOutcomes, trial: Trial): string {
  return outcomes.find((outcome) => outcome.trial === trial)?.went === 'well' ? 'yes' : 'no'
}

/** Below the tables: why each `no` is there. */
function reasons(peers: readonly PeerOutcomes[]): readonly string[] {
  const lines = peers.flatMap(({ peer }) => {
    const known = trials.flatMap((trial) => {
      const why = peer.cannot?.[trial] ?? peer.without?.[trial]
      return why === undefined ? [] : [`${TRIALS[trial]}: ${why}`]
    })
    return known.length === 0 ? [] : [`- **${peer.name}**: ${known.join('; ')}.`]
  })
  return lines.length === 0 ? [] : [`Where there is a *no*:\n\n${lines.join('\n')}`]
}
