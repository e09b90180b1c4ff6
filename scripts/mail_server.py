#!/usr/bin/env python3
"""A mail server that accepts every message and stores each as a file: mail_server.py DIRECTORY.

Prints its port once it listens. Runs until it is killed.
"""

import asyncio
import itertools
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class MessageStore:
    """Stores each message before it is acknowledged."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.numbers = itertools.count()

    async def handle_DATA(self, server, session, envelope):
        (self.directory / f"{next(self.numbers)}.eml").write_bytes(envelope.content)
        return "250 stored"


async def serve(directory):
    store = MessageStore(directory)
    make = lambda: SMTP(store, hostname="mail.example.com", enable_SMTPUTF8=True)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if len(sys.argv) != 2:
    sys.exit("usage: mail_server.py DIRECTORY")
asyncio.run(serve(sys.argv[1]))
