"""A client on Twisted Conch that sends to a device that echoes."""

import os
import struct
import sys
import warnings

warnings.simplefilter("ignore")

from twisted.conch.ssh import agent, channel, common, connection, keys, transport, userauth  # noqa: E402
from twisted.internet import defer, endpoints, protocol, reactor, task as tasks  # noqa: E402

from common import compare, pattern, task, tell  # noqa: E402


def give_up(reason):
    print(reason, file=sys.stderr, flush=True)
    os._exit(1)


class Transport(transport.SSHClientTransport):
    heard = 0
    secure = False

    def verifyHostKey(self, host_key, fingerprint):
        return defer.succeed(True)

    def connectionSecure(self):
        # After each key exchange, not the first alone.
        if self.secure:
            return
        self.secure = True
        self.requestService(Login(task["user"].encode(), Connection()))

    def receiveError(self, code, description):
        give_up(f"disconnected: {code} {description}")

    def dataReceived(self, data):
        self.heard += len(data)
        transport.SSHClientTransport.dataReceived(self, data)
        if task["rekey"] and self.heard > task["rekey"] and self._keyExchangeState == self._KEY_EXCHANGE_NONE:
            self.heard = 0
            self.sendKexInit()


class Login(userauth.SSHUserAuthClient):
    preferredOrder = [task["method"].encode() if task["method"] in ("password", "keyboard-interactive") else b"publickey"]
    offered = False

    def ssh_USERAUTH_FAILURE(self, packet):
        if self.offered and self.preferredOrder != [b"publickey"]:
            give_up("the login was refused")
        self.offered = True
        return userauth.SSHUserAuthClient.ssh_USERAUTH_FAILURE(self, packet)

    def getPassword(self, prompt=None):
        return defer.succeed(task["password"].encode()) if task["method"] == "password" else None

    def getGenericAnswers(self, name, information, prompts):
        return defer.succeed([task["password"]] * len(prompts))

    async def agent(self):
        point = endpoints.UNIXClientEndpoint(reactor, task["agent"])
        return await point.connect(protocol.Factory.forProtocol(agent.SSHAgentClient))

    def getPublicKey(self):
        if task["method"] == "agent":
            return defer.ensureDeferred(self.agentKey())
        if not task["keyFile"] or self.lastPublicKey:
            return None
        return keys.Key.fromFile(task["keyFile"]).public()

    async def agentKey(self):
        blob, _ = (await (await self.agent()).requestIdentities())[0]
        return keys.Key.fromString(blob)

    def getPrivateKey(self):
        return defer.succeed(keys.Key.fromFile(task["keyFile"]))

    def signData(self, public_key, data):
        if task["method"] != "agent":
            return userauth.SSHUserAuthClient.signData(self, public_key, data)
        return defer.ensureDeferred(self.agentSignature(public_key, data))

    async def agentSignature(self, public_key, data):
        return await (await self.agent()).signData(public_key.blob(), data)


class Connection(connection.SSHConnection):
    def serviceStarted(self):
        defer.ensureDeferred(self.work()).addErrback(lambda failure: give_up(failure.getTraceback()))

    async def work(self):
        channels = [Channel(conn=self) for _ in range(task["channels"])]
        for each in channels:
            self.openChannel(each)
            await each.ready
        await defer.gatherResults([each.echo(task["bytes"], seed) for seed, each in enumerate(channels)])
        if task["idle"]:
            await tasks.deferLater(reactor, task["idle"] / 1000)
            await defer.gatherResults([each.echo(1000, 0) for each in channels])
        tell("echoed")
        if task["hold"]:
            return
        for each in channels:
            self.sendEOF(each)
        statuses = [await each.status for each in channels]
        tell("statuses", statuses)
        self.transport.loseConnection()
        reactor.callLater(0.1, reactor.stop)


class Channel(channel.SSHChannel):
    name = b"session"

    def __init__(self, **given):
        channel.SSHChannel.__init__(self, **given)
        self.ready, self.status, self.heard = defer.Deferred(), defer.Deferred(), bytearray()

    def channelOpen(self, data):
        asked = self.conn.sendRequest(self, b"subsystem", common.NS(b"netconf"), wantReply=True)
        asked.addCallbacks(lambda _: self.ready.callback(None), give_up)

    def openFailed(self, reason):
        give_up(reason)

    def request_exit_status(self, data):
        self.status.callback(struct.unpack(">L", data)[0])

    def echo(self, size, seed):
        self.sent, self.done = pattern(size, seed), defer.Deferred()
        self.heard.clear()
        self.write(self.sent)
        return self.done

    def dataReceived(self, data):
        self.heard += data
        if len(self.heard) >= len(self.sent):
            compare(bytes(self.heard), self.sent)
            self.done.callback(None)


factory = protocol.ClientFactory()
factory.protocol = Transport
reactor.connectTCP(task["host"], task["port"], factory)
reactor.run()
