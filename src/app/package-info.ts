import packageJson from '../../package.json' with { type: 'json' }

/** What package.json says of this program. */
export const { version, description } = packageJson
