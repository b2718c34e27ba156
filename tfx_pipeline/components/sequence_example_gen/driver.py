"""Tells TFX when a log has changed."""

from hashlib import sha256
from typing import Any

from tfx.components.example_gen.driver import FileBasedDriver
from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME

from tfx_pipeline.components.sequence_example_gen.settings import Settings


class Driver(FileBasedDriver):
    """TFX's own looks at the newest span alone; a new version of an older one in the window is a change too."""

    def resolve_exec_properties(self, exec_properties: dict[str, Any], *where: Any) -> dict[str, Any]:
        """See the class.

        Raises:
            LogError: there is no span, or the spans cannot be told.
        """
        settings = Settings.unpack(exec_properties)
        if not settings.data.window:
            return super().resolve_exec_properties(exec_properties, *where)
        fingerprints = "\n".join(span.fingerprint for span in settings.spans(exec_properties))
        resolved = super().resolve_exec_properties(exec_properties, *where)
        resolved[FINGERPRINT_PROPERTY_NAME] = sha256(fingerprints.encode()).hexdigest()
        return resolved
