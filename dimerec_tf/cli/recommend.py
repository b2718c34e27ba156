"""`dimerec recommend`: asks a running server what comes next for one user."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dimerec_tf.cli import access
from dimerec_tf.cli.output import AsJson
from dimerec_tf.cli.titles import read_titles
from dimerec_tf.environment import silence_native_logs
from dimerec_tf.terminal import console, print_json, say

if TYPE_CHECKING:
    from serving.client.access import Access
    from serving.client.client import RecommendClient
    from serving.client.recommendation import Recommendation
    from serving.client.rest import RestRecommendClient

GRPC_ADDRESS, REST_ADDRESS = "localhost:8500", "localhost:8501"


def recommend(
    user_history: Annotated[str, typer.Option(help="Item ids, oldest first, with commas; '' for a new user.")],
    k: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="How many items.")] = 10,
    exclude: Annotated[str, typer.Option(help="Item ids never to recommend, with commas.")] = "",
    allow: Annotated[str | None, typer.Option(help="Item ids of which alone to recommend, with commas.")] = None,
    allow_category: Annotated[
        list[str] | None,
        typer.Option(help="Category of which alone to recommend; several times for items of any of them."),
    ] = None,
    diversity_weight: Annotated[
        float | None,
        typer.Option(min=0, help="What a pair of items without a common category is worth in scores; 0 for nothing."),
    ] = None,
    num_steps: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Steps of the reverse walk, 0 for the model's own number.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=-(2**31), max=2**31 - 1, help="Of the reverse walk; the model's own if not given."),
    ] = None,
    filter_seen: Annotated[bool, typer.Option("--filter-seen/--keep-seen", help="Leave out the history.")] = False,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help=f"The server; {GRPC_ADDRESS}, with --rest {REST_ADDRESS}, if not given."
        ),
    ] = None,
    rest: Annotated[bool, typer.Option("--rest", help="Ask over REST instead of gRPC.")] = False,
    model_name: Annotated[str, typer.Option(help="Name of the model on the server.")] = "dimerec",
    titles: Annotated[Path | None, typer.Option(help="CSV file with the columns item_id and title.")] = None,
    tls: access.Tls = False,
    ca_file: access.CaFile = None,
    certificate_file: access.CertificateFile = None,
    key_file: access.KeyFile = None,
    token_file: access.TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Recommends items for a history, from a server started with `dimerec serve` or from TF Serving.

    Ids that contain a comma need the Python client, see docs/serving.md.

    Example: dimerec recommend --user-history 50,181,172 --k 5 --filter-seen
    """
    known_titles = read_titles(titles) if titles else {}
    shown = access.access(tls, ca_file, certificate_file, key_file, token_file)
    with _client(server, rest, model_name, shown) as client:
        answer = client.recommend(
            [_ids(user_history)],
            k=k,
            exclude=_ids(exclude),
            filter_seen=filter_seen,
            allow=None if allow is None else _ids(allow),
            num_steps=num_steps,
            seed=seed,
            allow_categories=allow_category or None,
            diversity_weight=diversity_weight,
        )[0]
    if as_json:
        _print_json(answer, known_titles)
    else:
        _print_table(answer, known_titles)


def _client(
    server: str | None, rest: bool, model_name: str, shown: "Access"
) -> "RecommendClient | RestRecommendClient":
    if rest:
        from serving.client.rest import RestRecommendClient

        return RestRecommendClient(server or REST_ADDRESS, model_name, access=shown)
    silence_native_logs()
    from serving.client.client import RecommendClient

    return RecommendClient(server or GRPC_ADDRESS, model_name, access=shown)


def _ids(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _print_json(answer: "Recommendation", titles: dict[str, str]) -> None:
    items = [
        {"rank": rank, "item_id": item, "title": titles.get(item), "score": score}
        for rank, (item, score) in enumerate(zip(answer.item_ids, answer.scores, strict=True), start=1)
    ]
    print_json({"cold_start": answer.cold_start, "items": items})


def _print_table(answer: "Recommendation", titles: dict[str, str]) -> None:
    if answer.cold_start:
        say("The model knows no item of this history: these are the most popular items.")
    table = Table("rank", "item", "title", "score") if titles else Table("rank", "item", "score")
    for rank, (item, score) in enumerate(zip(answer.item_ids, answer.scores, strict=True), start=1):
        title = [titles.get(item, "")] if titles else []
        table.add_row(str(rank), item, *title, f"{score:.4f}")
    console.print(table)
