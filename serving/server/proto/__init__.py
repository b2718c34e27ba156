"""Configuration messages of TF Serving that `tensorflow-serving-api` does not carry.

The `.proto` files keep TF Serving's field names and numbers, so that its text files can be read; the packages differ,
so that TF Serving's own messages can be loaded beside them. After a change, `bash scripts/protos.sh .venv/bin` writes
the modules anew.
"""
