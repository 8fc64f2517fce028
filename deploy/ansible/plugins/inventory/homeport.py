# SPDX-License-Identifier: Apache-2.0
"""The devices of a Homeport bridge as Ansible's inventory."""

DOCUMENTATION = r"""
name: homeport
short_description: Devices that call home to a Homeport bridge
description:
  - Asks the HTTP API of a Homeport bridge for the devices that clients may reach.
  - Each device is a host, with C(ansible_host), C(ansible_port), C(ansible_user) and C(ansible_connection) set so that
    NETCONF modules reach it through the bridge. Its device id is C(homeport_id), its labels are C(homeport_labels).
  - There is a group for each label (C(site_tokyo)), link state (C(homeport_attached)) and standing (C(homeport_approved)).
  - A host whose device id Ansible would not take as a name has a hash in its name.
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: C(homeport.bridge.homeport), or C(homeport) where the file lies in a directory of inventory plugins.
    required: true
    choices: [homeport.bridge.homeport, homeport]
  url:
    description: What stands before C(/api) in the URL of the bridge, as in C(https://bridge.example.net:8080).
    env:
      - name: HOMEPORT_URL
  token:
    description: A token of C(homeport token create), whose user has a role with the scope C(read).
    env:
      - name: HOMEPORT_TOKEN
  ca_file:
    description: PEM certificates that are trusted instead of the system's.
    type: path
    env:
      - name: HOMEPORT_CA_FILE
  socket:
    description: The Unix socket of a bridge on this host, instead of I(url); whoever may open it needs no token.
    type: path
    env:
      - name: HOMEPORT_SOCKET
  timeout:
    description: Seconds to wait for the bridge.
    type: int
    default: 30
  bridge:
    description: The name or address by which Ansible reaches the bridge over SSH; that of I(url) unless it is given.
  port:
    description: The port where all devices are reached; the one that the bridge listens on unless it is given.
    type: int
  user:
    description:
      - The user of the bridge who logs in on devices; that of the token unless it is given.
      - Over the socket without it, the variable C(homeport_user) says who logs in.
  link:
    description: Only devices in these link states.
    type: list
    elements: str
    choices: [attached, refused, pending, away, never]
  standing:
    description: Only devices of these standings.
    type: list
    elements: str
    choices: [configured, approved]
  labels:
    description: Only devices that have all of these labels, C(site=tokyo), or C(site) with any value.
    type: list
    elements: str
  selectors:
    description: Only devices that one of these selects, as in roles, C(edge-*) or C(site=tok*).
    type: list
    elements: str
"""

EXAMPLES = r"""
# homeport.yml; the token is in the environment, as HOMEPORT_TOKEN
plugin: homeport.bridge.homeport
url: https://bridge.example.net:8080
link: [attached]
labels: [site=tokyo]

# Further groups and variables, as with any constructed inventory.
keyed_groups:
  - key: homeport_labels.role | default('none')
    prefix: role
compose:
  ansible_network_os: "'junipernetworks.junos.junos' if homeport_labels.vendor | default('') == 'junos' else omit"
cache: true
cache_plugin: jsonfile
cache_timeout: 60
cache_connection: ~/.cache/ansible-homeport
"""

import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from ansible.errors import AnsibleParserError
from ansible.module_utils.urls import open_url
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text of an inventory is a template
    def trust_as_template(text):
        return text

# Octets; ten thousand devices are four megabytes.
LONGEST_ANSWER = 64 * 1024 * 1024


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "homeport.bridge.homeport"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("homeport.yml", "homeport.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self.load_cache_plugin()
        answer = self._kept(self.get_cache_key(path), cache)
        try:
            self._fill(answer)
        except (AttributeError, KeyError, TypeError) as error:
            raise AnsibleParserError("the bridge answers what is no inventory: %r" % error)

    def _kept(self, key, cache):
        """What the bridge answers, from the cache where that has it."""
        wanted = self.get_option("cache")
        if wanted and cache:
            try:
                return self._cache[key]
            except KeyError:
                pass
        answer = self._ask()
        if wanted:
            self._cache[key] = answer
        return answer

    def _fill(self, answer):
        hosts = answer["_meta"]["hostvars"]
        for host, variables in hosts.items():
            self.inventory.add_host(host)
            for name, value in variables.items():
                self.inventory.set_variable(host, name, decoded(value))
        for group, members in answer.items():
            if group in ("_meta", "all"):
                continue
            name = self.inventory.add_group(group)
            for host in members["hosts"]:
                self.inventory.add_child(name, host)
        strict = self.get_option("strict")
        for host in hosts:
            variables = self.inventory.get_host(host).get_vars()
            self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)

    def _query(self):
        pairs = [("format", "ansible")]
        for name in ("bridge", "port", "user"):
            value = self.get_option(name)
            if value is not None:
                pairs.append((name, value))
        for name in ("link", "standing"):
            words = self.get_option(name)
            if words:
                pairs.append((name, ",".join(words)))
        pairs += [("label", label) for label in self.get_option("labels") or []]
        pairs += [("selector", selector) for selector in self.get_option("selectors") or []]
        return urlencode(pairs)

    def _ask(self):
        url, token, socket = (self.get_option(name) for name in ("url", "token", "socket"))
        if url and socket:
            raise AnsibleParserError("url and socket say different things of where the bridge is: give one of them")
        if not url and not socket:
            raise AnsibleParserError("no bridge is named: give url (or HOMEPORT_URL), or socket (or HOMEPORT_SOCKET)")
        if url:
            check_url(url, token)
        headers = {"Accept": "application/json"}
        if token and not socket:
            headers["Authorization"] = "Bearer " + token
        where = socket or url
        base = "http://localhost" if socket else url.rstrip("/")
        try:
            answer = open_url(
                "%s/api/v1/devices?%s" % (base, self._query()),
                headers=headers,
                timeout=self.get_option("timeout"),
                ca_path=self.get_option("ca_file"),
                unix_socket=socket,
                # The token would go where a redirection leads.
                follow_redirects="none",
                use_proxy=not socket,
                http_agent="ansible-homeport",
            )
            text = answer.read(LONGEST_ANSWER + 1)
        except HTTPError as error:
            raise AnsibleParserError("the bridge on %s refuses: %s" % (where, problem_in(error)))
        except Exception as error:
            raise AnsibleParserError("no bridge answers on %s: %s" % (where, error))
        if len(text) > LONGEST_ANSWER:
            raise AnsibleParserError("the bridge on %s answers with more than %d octets" % (where, LONGEST_ANSWER))
        try:
            inventory = json.loads(text)
        except ValueError:
            raise AnsibleParserError("%s answers with no JSON: is it a bridge that answers there?" % where)
        if not isinstance(inventory, dict) or "_meta" not in inventory:
            raise AnsibleParserError(
                "%s answers with no inventory: it is no bridge, or one of an earlier version" % where
            )
        return inventory


def check_url(url, token):
    """Refuses what would show a secret; the words are those of the command line."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AnsibleParserError("url is no http: or https: URL, as in https://bridge.example.net:8080")
    if parts.username or parts.password:
        raise AnsibleParserError("url has a user or password in it: give a token in HOMEPORT_TOKEN instead")
    loopback = re.match(r"^(localhost|127\.\d+\.\d+\.\d+|::1)$", parts.hostname)
    if token and parts.scheme == "http" and not loopback:
        raise AnsibleParserError("url would send the token without TLS: use https:, or tunnel the port to this machine")


def problem_in(error):
    """What a problem detail (RFC 9457) says, with its hint."""
    try:
        problem = json.loads(error.read(LONGEST_ANSWER))
        return ": ".join(text for text in (problem.get("detail"), problem.get("hint")) if text)
    except Exception:
        return "status %s" % error.code


def decoded(value):
    """
    A value as the bridge means it. Text of devices and operators that looks like a template comes marked, and is never
    evaluated; what is left with braces is the bridge's own.
    """
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return wrap_var(value["__ansible_unsafe"])
        return {name: decoded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [decoded(each) for each in value]
    return trust_as_template(value) if isinstance(value, str) and "{{" in value else value
