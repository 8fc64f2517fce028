import { strangerText } from '../../lib/stranger-text.js'
import type { Verdict } from './finding.js'
import type { CheckedFinding } from './run-checks.js'

const WORDS: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  warning: 'warning',
  failed: 'FAILED',
  'not-checked': 'not checked',
}

/** Columns of a terminal that an old one has. */
const WIDTH = 80

/** One line a finding, with what to do below it; a check is named once. */
export function findingsText(findings: readonly CheckedFinding[]): string {
  const width = findings.reduce((widest, { check }) => Math.max(widest, check.length), 0)
  const indent = ' '.repeat(WORDS['not-checked'].length + width + 4)
  const lines = findings.flatMap(({ check, verdict, message, hint }, at) => {
    const name = findings[at - 1]?.check === check ? '' : check
    const head = `${WORDS[verdict].padEnd(WORDS['not-checked'].length)}  ${name.padEnd(width)}  `
    const told = hint === undefined || hint === '' ? [] : [`${indent}→ ${strangerText(hint)}`]
    return [...wrapped(strangerText(message), head, indent), ...told]
  })
  return `${lines.join('\n')}\n\n${summary(findings)}\n`
}

/** Words of a message, below each other where a line is full; a hint stays whole, for pasting. */
function wrapped(message: string, head: string, indent: string): readonly string[] {
  const lines: string[] = []
  let line = head
  for (const word of message.split(' ')) {
    const empty = line === head || line === indent
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = indent
    }
    line += line === head || line === indent ? word : ` ${word}`
  }
  return [...lines, line]
}

function summary(findings: readonly CheckedFinding[]): string {
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length
  const [wrong, doubtful, unseen] = [count('failed'), count('warning'), count('not-checked')]
  const parts = [
    wrong === 0 ? 'nothing is wrong' : `${wrong} wrong`,
    ...(doubtful === 0 ? [] : [`${doubtful} to look at`]),
    ...(unseen === 0 ? [] : [`${unseen} not checked`]),
  ]
  return parts.join(', ')
}
