"""A real AWS API to harvest: moto's server on a free loopback port, asked and changed with boto3.

    with Moto(folder) as moto:
        ec2 = moto.client("ec2", "eu-west-1", "222222222222")
        lab.env.update(moto.environment())

An account needs no making: whoever assumes a role of it is in it. Keys that moto doesn't know are of
account 123456789012.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from process import Server

ACCOUNT = "123456789012"  # whose are the keys that are nobody's
KEYS = {"aws_access_key_id": "AKIAMOTOMOTOMOTOMOTO", "aws_secret_access_key": "moto/secret+key"}
SERVER = Path(__file__).with_name("moto_server.py")
CONFIG = Config(retries={"max_attempts": 1}, max_pool_connections=8, s3={"addressing_style": "path"})


def role(account, name="garner"):
    return f"arn:aws:iam::{account}:role/{name}"


class Moto(Server):
    """Started by its making, stopped at the end of the `with`. What it said is in `folder`/moto.log. `host` is where it listens,
    `within` a command that it is run under (a network namespace)."""

    def __init__(self, folder, host="127.0.0.1", within=(), **environment):
        self.log = Path(folder) / "moto.log"
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([*within, sys.executable, "-B", str(SERVER), host], stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env={**env, **environment})
        self.url = self._wait(60)
        self._keys, self._clients = {ACCOUNT: KEYS}, {}

    def _wait(self, seconds):
        deadline = time.monotonic() + seconds
        while not (found := re.search(r"listening on (http://[\d.:]+)\n", self.said())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"moto did not start; is the virtual environment whole? (deploy/venv.sh)\n{self.said()}")
            time.sleep(0.02)
        return found[1]

    def said(self):
        return self.log.read_text(errors="replace")

    def requests(self):
        """What it was asked, as ["POST / 200", …]."""
        return [line for line in self.said().splitlines() if re.match(r"[A-Z]+ /", line)]

    # --- who asks ---

    def keys(self, account=ACCOUNT):
        """Keys that moto takes for that account's: those of an assumed role."""
        if account not in self._keys:
            made = self.client("sts").assume_role(RoleArn=role(account), RoleSessionName="test")["Credentials"]
            self._keys[account] = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"],
                                   "aws_session_token": made["SessionToken"]}
        return self._keys[account]

    def environment(self, account=ACCOUNT, keys=None):
        """The variables by which Garner, as every program for AWS, finds this server and is that account."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                **{name.upper(): value for name, value in (keys or self.keys(account)).items()}}

    def client(self, service, region="us-east-1", account=ACCOUNT, keys=None):
        """boto3's client. Those without keys of their own are made once: making one takes longer than asking."""
        at = (service, region, account)
        if keys is None and at in self._clients:
            return self._clients[at]
        made = boto3.client(service, region_name=region, endpoint_url=self.url, config=CONFIG, **(keys or self.keys(account)))
        # A name in front of a loopback address leads nowhere.
        made.meta.events.register("before-sign", lambda request, **_: setattr(request, "url", re.sub(r"//\d{12}\.", "//", request.url)))
        if keys is None:
            self._clients[at] = made
        return made

    # --- moto's own switches ---

    def _ask(self, path, body=b""):
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": "text/plain"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.read()

    def reset(self):
        """Everything of all accounts is gone."""
        self._ask("/moto-api/reset")
        self._keys, self._clients = {ACCOUNT: KEYS}, {}

    def checks(self, on=True):
        """From now on moto checks signatures and IAM policies of all requests (or doesn't)."""
        self._ask("/moto-api/reset-auth", b"0" if on else b"inf")
