import type { StoreSummary } from '../../store/sqlite/sqlite-copy.js'

/** What a restore takes back, as sentences; none where both stores know the same. */
export function changesSince(before: StoreSummary, restored: StoreSummary): readonly string[] {
  if (before.isEmpty)
    return [
      told('approved by the backup, where the store that was here knew no device', [...restored.approved.keys()]),
      told(
        'tokens of the backup that are valid, where the store that was here knew none',
        [...restored.tokens].map(tokenWords),
      ),
    ].flat()
  const lost = [...before.approved.keys()].filter((id) => !restored.approved.has(id))
  const back = [...restored.approved.keys()].filter((id) => !before.approved.has(id))
  const repinned = [...restored.approved].filter(([id, pins]) => (before.approved.get(id) ?? pins) !== pins)
  const lostTokens = [...before.tokens].filter(([id]) => !restored.tokens.has(id))
  const backTokens = [...restored.tokens].filter(([id]) => !before.tokens.has(id))
  return [
    told('approved since the backup, unknown again, so their calls will be pending', lost),
    told('rejected or forgotten since the backup, approved again: look at `homeport devices list`', back),
    told(
      'with other pins since the backup, and back to the old ones: `homeport devices repin` where they call in vain',
      repinned.map(([id]) => id),
    ),
    told('tokens made since the backup, void now', lostTokens.map(tokenWords)),
    told('tokens revoked since the backup, VALID AGAIN: `homeport token revoke ID`', backTokens.map(tokenWords)),
  ].flat()
}

function tokenWords([id, user]: readonly [string, string]): string {
  return `${id} (${user})`
}

/** Names that a line has at most. */
const NAMED_AT_MOST = 20

function told(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return []
  const more = names.length > NAMED_AT_MOST ? ` and ${names.length - NAMED_AT_MOST} more` : ''
  return [`${what}: ${names.slice(0, NAMED_AT_MOST).join(', ')}${more}`]
}
