import { lchown, stat } from 'node:fs/promises'

/**
 * What root makes in the directory of the service belongs to the service; what somebody else makes is theirs anyway. A
 * link is not followed: its owner may have put it there meanwhile.
 */
export async function giveToOwnerOf(directory: string, ...made: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = await stat(directory)
  for (const path of made) await lchown(path, uid, gid)
}
