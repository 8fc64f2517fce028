/** A record of a CSV file, and the line where it begins. */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

export type CsvReading =
  | { readonly ok: true; readonly records: readonly CsvRecord[] }
  | { readonly ok: false; readonly line: number; readonly fault: string }

/** A field, in quotes or not, and what ends it (RFC 4180 §2). */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\r|$)/y

/** Reads a CSV file (RFC 4180) with any line ends; empty lines, and those that begin with #, are no records. */
export function readCsv(written: string): CsvReading {
  const text = written.replace(/^\ufeff/, '')
  const records: CsvRecord[] = []
  let [fields, line, begun]: [string[], number, number] = [[], 1, 1]
  for (let at = 0; at < text.length; at = FIELD.lastIndex) {
    const comment = fields.length === 0 ? /#[^\r\n]*(?:\r?\n|\r|$)/y : undefined
    if (comment !== undefined) comment.lastIndex = at
    if (comment?.test(text)) {
      FIELD.lastIndex = comment.lastIndex
      line += 1
      begun = line
      continue
    }
    FIELD.lastIndex = at
    const found = FIELD.exec(text)
    if (found === null) return { ok: false, line, fault: 'a quote stands where none may, or is not closed' }
    const [whole, quoted, plain = '', end = ''] = found
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0
    if (end === ',' && FIELD.lastIndex < text.length) continue
    if (end === ',') fields.push('')
    if (fields.length > 1 || fields[0] !== '') records.push({ line: begun, fields })
    fields = []
    begun = line
    if (FIELD.lastIndex === at) break
  }
  return { ok: true, records }
}
