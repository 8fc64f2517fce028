import { join } from 'node:path'

/** Where a bridge answers the commands of its own host. */
export function bridgeSocketIn(dataDir: string): string {
  return join(dataDir, 'homeport.sock')
}
