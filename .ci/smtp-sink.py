#!/usr/bin/env python3
"""A mail server for tests: prints what it is sent, as lines of JSON, and refuses what it is told to.

    smtp-sink.py [--port N] [--fail CODE COUNT] [--login USER:PASSWORD]

The first line names the port: {"port": 2525}. Then there is a line for each message. It ends when its
standard input does, so that it never outlives the test that started it.
"""

import argparse
import asyncio
import json
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult


def say(line):
    print(json.dumps(line), flush=True)


class Sink:
    def __init__(self, code, count):
        self.code, self.left = code, count

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.left > 0:
            self.left -= 1
            say({"refused": self.code})
            return f"{self.code} <{address}> is not served now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = lambda kind: message.get_body((kind,)).get_content()
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "type": message.get_content_type(),
            "text": body("plain"),
            "html": body("html"),
        })
        return "250 OK"


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--fail", type=int, nargs=2, default=(0, 0))
    arguments.add_argument("--login")
    given = arguments.parse_args()
    sink = Sink(*given.fail)

    def authenticate(server, session, envelope, mechanism, data):
        fits = f"{data.login.decode()}:{data.password.decode()}" == given.login
        # The server is to answer, not this function.
        return AuthResult(success=fits, handled=False)

    def session():
        return SMTP(
            sink,
            hostname="sink.test",
            authenticator=authenticate if given.login else None,
            auth_require_tls=False,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", given.port)
    say({"port": server.sockets[0].getsockname()[1]})
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    server.close()


asyncio.run(main())
