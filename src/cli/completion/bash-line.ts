/** A command line of bash up to the cursor, taken apart. */
export interface BashLine {
  /** The words that stand before the one at the cursor, without their quotes; the first is the program. */
  readonly words: readonly string[]
  /** The word at the cursor, as far as it is typed. */
  readonly begun: string
  /** How much of it bash keeps: what it completes begins behind the last of its word breaks. */
  readonly kept: string
  /** The quotes that stand open at the cursor. */
  readonly quotes: '' | '"' | "'"
  /** Whether the word is where input or output goes. */
  readonly redirected: boolean
}

interface Word {
  text: string
  kept: string
  readonly redirected: boolean
}

/**
 * Takes a line apart as bash and readline do. Nothing in it is carried out: `$(…)` is text.
 *
 * @param breaks COMP_WORDBREAKS
 */
export function readBashLine(line: string, breaks: string): BashLine {
  const done: Word[] = []
  let word: Word | undefined
  let quotes: BashLine['quotes'] = ''
  const begin = (redirected: boolean): Word => ({ text: '', kept: '', redirected })
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (quotes !== '') {
      word ??= begin(false)
      const escaped = quotes === '"' && character === '\\' && /["$`\\]/.test(line[at + 1] ?? '')
      if (character === quotes) quotes = ''
      else word.text += escaped ? (line[++at] ?? '') : character
    } else if (/[ \t\n]/.test(character)) {
      if (word !== undefined && !(word.redirected && word.text === '')) {
        done.push(word)
        word = undefined
      }
    } else if (character === '<' || character === '>') {
      if (word !== undefined) done.push(word)
      word = begin(true)
    } else {
      word ??= begin(false)
      if (character === '"' || character === "'") {
        quotes = character
        word.kept = word.text
      } else word.text += character === '\\' ? (line[++at] ?? '') : character
      if (quotes === '' && character !== '\\' && breaks.includes(character)) word.kept = word.text
    }
  }
  const { text: begun, kept, redirected } = word ?? begin(false)
  return { words: done.filter((one) => !one.redirected).map(({ text }) => text), begun, kept, quotes, redirected }
}

/** What bash writes in the place of what is typed, so that the line stands for this word and nothing else. */
export function bashReplacement(word: string, { kept, quotes }: Pick<BashLine, 'kept' | 'quotes'>): string {
  const rest = word.slice(kept.length)
  if (quotes === "'") return rest.replaceAll("'", String.raw`'\''`)
  // What the history would put in the place of `!` is kept from it outside the quotes alone.
  if (quotes === '"') return rest.replaceAll(/["$`\\]/g, String.raw`\$&`).replaceAll('!', String.raw`"\!"`)
  return rest.replaceAll(/[^\w./:@%+,=\u{80}-\u{10ffff}-]/gu, String.raw`\$&`)
}
