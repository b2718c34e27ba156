"""`dimerec dashboard`: pages about a pipeline's runs."""

from pathlib import Path
from typing import Annotated

import typer

from dimerec_tf.cli.output import library_noise_in, say_moved
from dimerec_tf.cli.titles import read_titles
from dimerec_tf.terminal import say


def dashboard(
    workdir: Annotated[Path, typer.Option(help="The workdir of the pipeline.")] = Path("build/pipeline"),
    output: Annotated[Path, typer.Option(help="The folder to write.")] = Path("build/dashboard"),
    titles: Annotated[Path | None, typer.Option(help="CSV file with the columns item_id and title.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it on this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve it; 0 is any free port.")] = 8080,
) -> None:
    """Metrics by slice with intervals, runs over time, data drift, exports, and sample users, as a folder of HTML.

    The pages need no server and no internet: open index.html, or copy the folder to wherever pages are kept.

    Example: dimerec dashboard --workdir build/demo --titles build/demo/items.csv
    """
    names = read_titles(titles) if titles else {}
    from tfx_pipeline.workdir import Workdir

    paths = Workdir(workdir.resolve())
    metadata = paths.existing_metadata()
    with library_noise_in(paths.log):
        from tfx_pipeline.dashboard.write import write_dashboard
        from tfx_pipeline.moved import settle_to_read

        say_moved(settle_to_read(paths))
        first = write_dashboard(metadata, output, names)
    say(f"Wrote {first}.")
    if serve:
        from tfx_pipeline.dashboard.serve import start

        server = start(output, port)
        say(f"Serving it at http://127.0.0.1:{server.server_port}/ until Ctrl-C.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
