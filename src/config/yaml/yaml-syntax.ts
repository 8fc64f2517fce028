import { type Document, LineCounter, parseDocument } from 'yaml'

export interface YamlFault {
  readonly line: number
  readonly column: number
  readonly message: string
  readonly hint?: string
}

export type ParsedYaml =
  | { readonly ok: true; readonly document: Document.Parsed; readonly lines: LineCounter }
  | { readonly ok: false; readonly faults: readonly YamlFault[] }

// Noncharacters that stand for the braces of `${…}` while YAML is parsed: inside { } a brace would end the scalar.
const OPEN = '\uFDD0'
const CLOSE = '\uFDD1'

/**
 * Parses one YAML document. Scalars stay the text that was written (failsafe schema), so `0123` is not a number before
 * a key wants one. The parser's own messages are not used: some quote the text, which may be a secret.
 */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  const protectedText = text.replace(/\$\{([^{}\n]*)\}/g, `$$${OPEN}$1${CLOSE}`)
  const document = parseDocument(protectedText, {
    lineCounter: lines,
    schema: 'failsafe',
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  })
  if (document.errors.length === 0) return { ok: true, document, lines }
  const faults = document.errors.map(({ code, pos }): YamlFault => {
    const { line, col } = lines.linePos(pos[0])
    return { line, column: col, ...explanationOf(code) }
  })
  return { ok: false, faults: firstOfEachLine(faults) }
}

/** The text of a parsed scalar with its `${…}` as written. */
export function unprotected(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
}

/** What went wrong once on a line is reported by the parser again for every token that follows. */
function firstOfEachLine(faults: readonly YamlFault[]): readonly YamlFault[] {
  return faults.filter((fault, index) => faults.findIndex(({ line }) => line === fault.line) === index)
}

const QUOTE =
  'quote values that hold `: `, ` #`, a comma inside { } or [ ], or that start with one of @ ` % & * ! | > { ['

function explanationOf(code: string): { readonly message: string; readonly hint?: string } {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab in the indentation', hint: 'YAML indents by spaces only' }
    case 'MULTIPLE_DOCS':
      return { message: 'a second document starts here', hint: 'a configuration is one document, remove the `---`' }
    case 'BAD_INDENT':
      return { message: 'wrong indentation, or a { or [ that is not closed', hint: 'align keys of one level' }
    case 'BAD_DQ_ESCAPE':
      return { message: 'an unknown escape in a "…" value', hint: "write \\\\ for a backslash, or use '…' quotes" }
    case 'BAD_SCALAR_START':
      return { message: 'a value cannot start with this character', hint: 'quote the value' }
    case 'MISSING_CHAR':
      return { message: 'something is missing here: a `:` after a key, a closing quote, } or ]', hint: QUOTE }
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'BLOCK_IN_FLOW':
      return { message: 'a mapping where a single value was expected', hint: QUOTE }
    default:
      return { message: 'not valid YAML here', hint: QUOTE }
  }
}
