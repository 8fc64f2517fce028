/**
 * Text of others, such as a device id, written so that each language reads exactly that text and nothing more.
 * All take one line of printable characters, which device ids are.
 */

/** A word of a Junos statement. */
export function junosWord(text: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** Content of an XML element or attribute. */
export function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A string of YAML: JSON's form is one. */
export function yamlString(text: string): string {
  return JSON.stringify(text)
}

/** A string of Homeport's own configuration, where a dollar may begin a variable. */
export function configString(text: string): string {
  return yamlString(text.replaceAll('$', '$$$$'))
}

/** A string of an Ansible inventory, where braces may begin an expression of Jinja. */
export function ansibleString(text: string): string {
  return `${/\{[{%#]/.test(text) ? '!unsafe ' : ''}${yamlString(text)}`
}

/** An argument in ssh_config. */
export function sshConfigWord(text: string): string {
  return /^[^\s"'\\#=]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** A string of Python. */
export function pythonString(text: string): string {
  return JSON.stringify(text)
}

/** A name for a device where only plain names will do: ssh_config hosts, Ansible hosts, files. */
export function plainName(deviceId: string): string {
  const plain = deviceId.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '')
  return plain === '' ? 'device' : plain
}
