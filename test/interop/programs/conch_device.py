"""A server on Twisted Conch: echoes on its subsystem netconf, and ends that with an exit status."""

import json
import struct
import sys
import warnings

warnings.simplefilter("ignore")

from twisted.conch import avatar, checkers  # noqa: E402
from twisted.conch.ssh import factory, keys, session, transport  # noqa: E402
from twisted.cred import checkers as passwords  # noqa: E402
from twisted.cred import portal  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.python import log  # noqa: E402
from zope.interface import implementer  # noqa: E402

given = json.loads(sys.argv[1])
log.startLogging(sys.stderr)


class User(avatar.ConchUser):
    def __init__(self):
        avatar.ConchUser.__init__(self)
        self.channelLookup[b"session"] = EchoSession



class EchoSession(session.SSHSession):
    def request_subsystem(self, data):
        return 1

    def dataReceived(self, data):
        self.write(data)

    def eofReceived(self):
        self.conn.sendRequest(self, b"exit-status", struct.pack(">L", given["status"]))
        self.loseConnection()


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, avatar_id, mind, *interfaces):
        return interfaces[0], User(), lambda: None


class Transport(transport.SSHServerTransport):
    rekey = False
    heard = 0

    def dataReceived(self, data):
        self.heard += len(data)
        transport.SSHServerTransport.dataReceived(self, data)
        if self.rekey and self.heard > given["rekey"] and self.isEncrypted("both") and self._keyExchangeState == self._KEY_EXCHANGE_NONE:
            self.heard = 0
            self.sendKexInit()


class RekeyingTransport(Transport):
    rekey = True


def server(of):
    made = factory.SSHFactory()
    made.protocol = of
    host_key = keys.Key.fromFile(given["hostKeys"][0])
    made.publicKeys = {host_key.sshType(): host_key.public()}
    made.privateKeys = {host_key.sshType(): host_key}
    made.portal = portal.Portal(Realm())
    users = passwords.InMemoryUsernamePasswordDatabaseDontUse()
    users.addUser(b"password", given["password"].encode())
    made.portal.registerChecker(users)
    accepted = [keys.Key.fromString(line) for line in given["authorizedKeys"]]
    made.portal.registerChecker(checkers.SSHPublicKeyChecker(checkers.InMemorySSHKeyDB({b"key": accepted})))
    return reactor.listenTCP(0, made, interface="127.0.0.1").getHost().port


print("ports", json.dumps({"usual": server(Transport), "rekey": server(RekeyingTransport)}), file=sys.__stdout__, flush=True)
reactor.run()
