#!/usr/bin/env bash
# Writes serving/server/proto/*_pb2.py anew from the .proto files beside them: protos.sh VENV_BIN.
# The compiler is of the protobuf release that TensorFlow 2.16 with TFX 1.16 uses, in an environment of its own.
set -euo pipefail
"$1/uv" run --quiet --isolated --no-project --python 3.10 --with grpcio-tools==1.48.2 --with "setuptools<81" \
  python -m grpc_tools.protoc -I. --python_out=. serving/server/proto/*.proto
