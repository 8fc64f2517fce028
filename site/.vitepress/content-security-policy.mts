import { createHash } from 'node:crypto'

/**
 * Writes into a page what it may load: its own files and the scripts that are in it, by their hashes. Nothing of
 * anywhere else, whatever a later version of the generator puts in.
 */
export function contentSecurityPolicy(html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g)].map(([, script = '']) => script)
  const hashes = [...new Set(inline.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`))]
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${hashes.join(' ')}`.trim(),
    // The colours of code are in style attributes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return html.replace('<head>', `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}">`)
}
