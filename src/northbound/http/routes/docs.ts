import { readFile } from 'node:fs/promises'
import type { Api } from '../api.js'

/**
 * Everything that the page needs comes from here: nothing of another host, no script and no style in the page itself.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Relative, so that it works below whatever path a proxy gives the bridge. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Homeport HTTP API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`

/** `validatorUrl: 'none'` keeps the definition from a validator on the internet. */
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: 'none' })
`

const ASSETS = [
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
] as const

/** `/docs`: the documentation of the API as a page, made from `/openapi.json`. */
export function registerDocs(api: Api): void {
  api.get('/docs', (c) => c.html(PAGE, 200, { 'Content-Security-Policy': CONTENT_SECURITY_POLICY }))
  api.get('/docs/start.js', (c) => c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }))
  for (const [name, type] of ASSETS) {
    let content: Promise<Uint8Array<ArrayBuffer>> | undefined
    api.get(`/docs/${name}`, async (c) => {
      content ??= contentOf(name)
      return c.body(await content, 200, { 'Content-Type': type, 'Cache-Control': 'max-age=3600' })
    })
  }
}

/** A file of Swagger UI, which the build puts beside the program. */
async function contentOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL(`swagger-ui/${name}`, import.meta.url)))
}
