/** Text from outside as it may stand in a message: what would move a terminal's cursor or hide text is escaped. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`)
}
