const MAX_LENGTH = 1000

/**
 * A text that somebody else wrote, as it may stand in a log line, in a message or on a terminal: a device's id,
 * software string or error message, a client's user name. What would begin another line, move a cursor, hide text or
 * turn its direction is written as `\u{…}`; what is longer than `maxLength` UTF-16 units ends with `…`. It costs no
 * more than `maxLength`, however long the text is.
 */
export function strangerText(text: string, maxLength = MAX_LENGTH): string {
  const shown = text.length > maxLength ? `${text.slice(0, lastWholeCharacter(text, maxLength))}…` : text
  return shown.replace(UNSEEN, (unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`)
}

/**
 * Control and format characters (bidirectional ones among them), line and paragraph separators, and half a surrogate
 * pair.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Where to cut, so that no surrogate pair is cut in two. */
function lastWholeCharacter(text: string, length: number): number {
  const last = text.charCodeAt(length - 1)
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length
}
