"""Starts the fake AWS: prints `{"port": N}` and serves until its standard input closes.

    python tests/support/aws/serve.py [--port 0] [--config '{"creating": {"eks:cluster": 3}}']
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading

from fake.dispatch import Fake
from fake.wire import serve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--config", type=json.loads, default={}, help="JSON, see README.md")
    arguments = parser.parse_args()
    server = serve(Fake(arguments.config), arguments.port)
    threading.Thread(target=exit_with_the_caller, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


def exit_with_the_caller():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
