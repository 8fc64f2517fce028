import type { Context } from 'hono'
import { nearestName } from '../../lib/nearest-name.js'
import { strangerText } from '../../lib/stranger-text.js'
import type { Api } from './api.js'
import { answerProblem } from './problem.js'

/** The order in which `Allow` names them. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Longer parts of a path are no slips of the pen, and take longer to compare. */
const LONGEST_PART = 64

/** What every path of the API begins with, and is easily left out. */
const PREFIX = '/api/v1'

/**
 * Answers what no route does, for every path alike: which methods the path has (RFC 9110 §15.5.6 and §9.3.7), or that
 * there is no such path, with the one that was most likely meant.
 */
export function answerUnmatched(app: Api): (c: Context) => Response {
  return (c) => {
    const { method, path } = c.req
    const methods = methodsOf(app, path)
    if (methods.length === 0) return answerUnknownPath(app, c)
    const Allow = [...methods, 'OPTIONS'].join(', ')
    if (method === 'OPTIONS') return c.body(null, 204, { Allow })
    return answerProblem(c, 'method-not-allowed', {
      message: `${strangerText(path)} does not take ${method}`,
      hint: `it takes ${Allow}`,
      headers: { Allow },
    })
  }
}

function answerUnknownPath(app: Api, c: Context): Response {
  const { method, path } = c.req
  const meant = pathMeant(app, path)
  return answerProblem(c, 'unknown-path', {
    message: `nothing answers ${method} ${path}`,
    hint:
      meant === undefined
        ? '/openapi.json lists what there is; a device id in a path is percent-encoded'
        : `did you mean ${strangerText(meant)}? /openapi.json lists what there is`,
  })
}

/** The methods that routes have for a path. HEAD is answered wherever GET is. */
function methodsOf(app: Api, path: string): readonly string[] {
  return METHODS.filter((method) => {
    const asked = method === 'HEAD' ? 'GET' : method
    const [matched] = app.router.match(asked, path)
    // What looks at every request has the method ALL.
    return matched.some(([[, route]]) => route.method === asked)
  })
}

/** The path that somebody meant who wrote one part of it wrongly, left out its beginning, or ended it with a slash. */
function pathMeant(app: Api, path: string): string | undefined {
  const whole = path.replace(/\/$/, '')
  const plain = [whole, `${PREFIX}${whole}`].find((other) => methodsOf(app, other).length > 0)
  if (plain !== undefined) return plain === '' ? undefined : plain
  const parts = whole.split('/')
  for (const template of new Set(app.routes.flatMap((route) => (route.method === 'ALL' ? [] : [route.path])))) {
    const mended = mendedBy(template.split('/'), parts)
    if (mended !== undefined) return mended
  }
  return undefined
}

/** A path as a route has it, of which it differs in one fixed part, and there by no more than a slip. */
function mendedBy(template: readonly string[], parts: readonly string[]): string | undefined {
  if (template.length !== parts.length) return undefined
  const wrong = parts.flatMap((part, at) => {
    const fixed = template[at] ?? ''
    return fixed.startsWith(':') ? (part === '' ? [at] : []) : fixed === part ? [] : [at]
  })
  const [at] = wrong
  if (wrong.length !== 1 || at === undefined) return undefined
  const [fixed = '', part = ''] = [template[at], parts[at]]
  if (fixed.startsWith(':') || part.length > LONGEST_PART || nearestName(part, [fixed]) === undefined) return undefined
  return parts.map((given, index) => (index === at ? fixed : given)).join('/')
}
