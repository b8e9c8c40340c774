"""Builds the messages' description (garner_feed/messages.desc) from proto/ of Garner's source tree."""

from pathlib import Path

from grpc_tools import protoc
from setuptools import setup
from setuptools.command.build_py import build_py

PROTO = Path(__file__).resolve().parents[2] / "proto"


class BuildWithMessages(build_py):
    def run(self):
        super().run()
        made = Path(self.build_lib) / "garner_feed/messages.desc"
        if protoc.main(["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={made}", "operator.proto"]):
            raise SystemExit(f"protoc could not read {PROTO}/operator.proto: build from Garner's source tree")


setup(cmdclass={"build_py": BuildWithMessages})
