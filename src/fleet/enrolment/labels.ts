/** Of one device. */
export const MAX_LABELS = 64

/** UTF-16 units of a name and of a value. */
const LONGEST = 255

/** Labels by name; undefined takes one away. */
export type LabelChanges = ReadonlyMap<string, string | undefined>

/** Why a text cannot name a label, in words that stand behind "a label's name"; undefined where it can. */
export function faultOfLabelName(name: string): string | undefined {
  if (name === '') return 'is not empty'
  if (name.length > LONGEST) return `has at most ${LONGEST} characters`
  // A selector is split at its first `=`.
  if (name.includes('=')) return 'has no `=`'
  if (!isOneLine(name)) return 'has printable characters only, and no space at its ends'
  return name === '__proto__' ? 'is not `__proto__`' : undefined
}

/** The same of a value. */
export function faultOfLabelValue(value: string): string | undefined {
  if (value === '') return 'is not empty'
  if (value.length > LONGEST) return `has at most ${LONGEST} characters`
  return isOneLine(value) ? undefined : 'has printable characters only, and no space at its ends'
}

/** Labels with some changed. */
export function changedLabels(
  labels: Readonly<Record<string, string>>,
  changes: LabelChanges,
): Readonly<Record<string, string>> {
  const changed = new Map<string, string | undefined>([...Object.entries(labels), ...changes])
  return Object.fromEntries([...changed].flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function isOneLine(text: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(text) && text.trim() === text
}
