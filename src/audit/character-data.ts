/** What stands between two tags: character data, CDATA sections, comments and processing instructions. */
const PIECE = /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<![^>]*>|[^<]+|</g

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** A text with its entity and character references undone (XML 1.0 §4.1, §4.6), once. */
export function decodeReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi, (whole, ...groups) => {
    const [hex, decimal, name]: readonly unknown[] = groups
    if (typeof name === 'string') return NAMED[name.toLowerCase()] ?? whole
    const code = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

/** What a parser gives as text: without comments and processing instructions, CDATA and references undone. */
export function joinedText(raw: string): string {
  return (raw.match(PIECE) ?? []).map(textOf).join('')
}

/**
 * Writes `text` in the place of `before`, which is what stands between two tags, and comments as `clean` leaves them.
 * What was not changed stays as it was written.
 */
export function rewriteText(
  raw: string,
  { before, text }: { readonly before: string; readonly text: string },
  clean: (text: string) => string,
): string {
  const pieces = raw.match(PIECE) ?? []
  if (text === before) return pieces.map((piece) => (isText(piece) ? piece : cleaned(piece, clean))).join('')
  const others = pieces.filter((piece) => !isText(piece)).map((piece) => cleaned(piece, clean))
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') + others.join('')
}

function cleaned(piece: string, clean: (text: string) => string): string {
  const inner = piece.startsWith('<!--') ? piece.slice(4, -3) : piece.slice(2, -1)
  const kept = clean(inner)
  return kept === inner ? piece : piece.replace(inner, () => kept.replaceAll('--', '- -'))
}

function isText(piece: string): boolean {
  return (
    !piece.startsWith('<!--') && !piece.startsWith('<?') && (piece.startsWith('<![CDATA[') || !piece.startsWith('<'))
  )
}

function textOf(piece: string): string {
  if (!isText(piece)) return ''
  return piece.startsWith('<![CDATA[') ? piece.slice(9, -3) : decodeReferences(piece)
}
