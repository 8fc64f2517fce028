/** The rule of a node's id: it is a name in certificates, tables and messages, and people type it. */
const NODE_ID = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/

/** What is wrong with a node's id, as `cluster.node` and certificates have it; undefined where nothing is. */
export function faultOfNodeId(text: string): string | undefined {
  return NODE_ID.test(text)
    ? undefined
    : 'The id of a node has 1 to 63 lower-case letters, digits, dots, dashes and underscores, ' +
        'and a letter or digit first and last'
}

const PREFIX = 'node:'

/** How the certificate of a node names it. */
export function nodePrincipal(node: string): string {
  return `${PREFIX}${node}`
}

/** The node that a principal names; undefined where it names none. */
export function nodeOfPrincipal(principal: string): string | undefined {
  const node = principal.startsWith(PREFIX) ? principal.slice(PREFIX.length) : ''
  return faultOfNodeId(node) === undefined ? node : undefined
}
