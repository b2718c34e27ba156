"""TF Serving's REST API, answered by the services that answer gRPC."""
