"""The `flask` command, which trusts the authorities in `SSL_CERT_FILE` where it would trust certifi's alone."""

import os

import certifi
from flask.cli import main

if __name__ == "__main__":
    # Before anything is loaded that asks certifi, and for nothing else: notifapp itself takes no such setting.
    certifi.where = lambda: os.environ["SSL_CERT_FILE"]
    main()
