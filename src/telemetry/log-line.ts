import { strangerText } from '../lib/stranger-text.js'

/** UTF-16 units of a line from which on each of its values is bounded. */
const LONG_LINE = 16 * 1024
const LONGEST_VALUE = 4 * 1024

/**
 * A line of JSON as it goes out. What a terminal would act on or not show, such as a character that turns the direction
 * of text, is written as JSON's own escape, so a program reads the same value. Only a very long value is cut.
 */
export function shownJsonLine(line: string): string {
  const short = line.length > LONG_LINE ? `${JSON.stringify(shown(JSON.parse(line), cut))}\n` : line
  // Most lines are ASCII, in which JSON itself escapes all that matters but DEL.
  if (!/[^\n\x20-\x7e]/.test(short)) return short
  return short.replace(/(?!\n$)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, jsonEscape)
}

/**
 * The same line for a reader of text: no value of it can begin another line. Only a stack trace has several, one below
 * the other.
 */
export function readableJsonLine(line: string): string {
  return `${JSON.stringify(shown(JSON.parse(line), strangerTextOf))}\n`
}

function strangerTextOf(text: string, key: string): string {
  if (key !== 'stack') return strangerText(text, LONGEST_VALUE)
  return text
    .slice(0, LONGEST_VALUE)
    .split('\n')
    .map((part) => strangerText(part, LONGEST_VALUE))
    .join('\n')
}

function cut(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

/** A value of JSON with each text in it, names too, changed. */
function shown(value: unknown, change: (text: string, key: string) => string, key = ''): unknown {
  if (typeof value === 'string') return change(value, key)
  if (Array.isArray(value)) return value.map((item) => shown(item, change, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [change(name, ''), shown(held, change, name)] as const),
  )
}

function jsonEscape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('')
}
