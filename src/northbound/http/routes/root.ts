import type { Api } from '../api.js'

/** Relative, so that they lead somewhere below whatever path a proxy gives the bridge. */
const LINKS = {
  docs: 'docs',
  openapi: 'openapi.json',
  devices: 'api/v1/devices',
  bridge: 'api/v1/bridge',
  live: 'livez',
  ready: 'readyz',
  metrics: 'metrics',
} as const

/** `/`: leads a browser to the documentation, and tells a program where things are. Open to everybody, as `/docs`. */
export function registerRoot(api: Api): void {
  api.get('/', (c) => {
    c.header('Vary', 'Accept')
    return /\btext\/html\b/i.test(c.req.header('Accept') ?? '')
      ? c.redirect(LINKS.docs, 302)
      : c.json({ name: 'Homeport', links: LINKS })
  })
}
