"""Options in the form in which TF Serving takes them."""

from typing import Any

from typer.core import TyperCommand, TyperOption


class TfServingForm(TyperCommand):
    """Takes `--model_name=x` for `--model-name x`, and `--enable_batching=true` or `=false` for a flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*map(self._ours, args[:own]), *args[own:]])

    def _ours(self, argument: str) -> str:
        written, equals, value = argument.partition("=")
        name = written.replace("_", "-")
        option = next((each for each in self.params if name in each.opts), None)
        if not written.startswith("--") or not isinstance(option, TyperOption):
            return argument
        if option.is_flag and equals and value.lower() in ("true", "1"):
            return name
        if option.is_flag and equals and value.lower() in ("false", "0"):
            return option.secondary_opts[0]
        return name + equals + value
