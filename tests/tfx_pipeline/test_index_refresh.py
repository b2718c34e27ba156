"""IndexRefresh: what the next version answers after items came and went."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts

from dimerec_tf.config import parse_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.load import load_model, read_record
from dimerec_tf.export.save import save_exact, save_indexed
from dimerec_tf.export.warmup import WARMUP_FILE
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from tests.export.served import Served
from tests.tfx_pipeline.artifacts import write_examples
from tfx_pipeline.components.index_refresh.executor import Executor

NUM_ITEMS, K = 60, 40
IDS = [f"item-{row}" for row in range(1, NUM_ITEMS + 1)]
WITHDRAWN = ["item-1", "item-17", "item-60"]
EXPORTS = ("dimerec", "dimerec_ivf", "dimerec_scann")
HISTORIES = [["item-1", "item-2"], ["item-17"], ["item-5", "item-60", "item-9"], [], ["unheard-of"]]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Examples:
    rng = np.random.default_rng(2)
    sequences = {f"u{user}": [str(item) for item in rng.choice(IDS, 4)] for user in range(20)}
    return write_examples(tmp_path_factory.mktemp("examples"), {"train": sequences})


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, examples: standard_artifacts.Examples) -> Path:
    """Version 1 is as it was trained; 2 has items withdrawn, and two new ones."""
    root = tmp_path_factory.mktemp("serving")
    (root / "items.csv").write_text(
        "item_id,category\n" + "".join(f"{item},{'odd' if row % 2 else 'even'}\n" for row, item in enumerate(IDS, 1))
    )
    config = parse_config(
        {
            "data": {"items_path": str(root / "items.csv")},
            "model": {"dim": 8, "max_history": 6, "diffusion": {"num_steps": 4}},
            "export": {"max_k": K},
            "evaluation": {"top_k": [10]},
        }
    )
    (root / "items.txt").write_text("".join(f"{item}\n" for item in IDS))
    scorer = ModelScorer(DimeRec(config.model, np.ones(NUM_ITEMS + 1, np.int64), config.seed))
    save_exact(scorer, root / "items.txt", config, root / "dimerec" / "1")
    for index in config.export.indexes:
        histories = np.array([[1, 2], [3, 4]])
        save_indexed(index, scorer, histories, root / "items.txt", config, root / f"dimerec_{index}" / "1")
    (root / "gone.txt").write_text("\n".join([*WITHDRAWN, "never-known"]))
    twin = load_model(root / "dimerec" / "1").model.items.table.numpy()[2].tolist()
    new = [{"item_id": "twin of 2", "vector": twin}, {"item_id": "near 3", "cooccurring": ["item-3"]}]
    (root / "new.jsonl").write_text("\n".join(json.dumps(item) for item in new))
    assert _refresh(root, examples, "gone.txt", "new.jsonl").get_string_custom_property("pushed_version") == "2"
    return root


def _refresh(
    root: Path, examples: standard_artifacts.Examples, withdrawn: str, new_items: str
) -> standard_artifacts.PushedModel:
    pushed = standard_artifacts.PushedModel()
    files = [str(root / name) if name else "" for name in (withdrawn, new_items)]
    Executor().Do(
        {"examples": [examples]},
        {"pushed_model": [pushed]},
        {"serving_dir": str(root / "dimerec"), "withdrawn": files[0], "new_items": files[1]},
    )
    return pushed


@cache
def _served(version: Path) -> Served:
    return Served(version)


def _answers(version: Path, histories: list[list[str]] = HISTORIES, **inputs: object) -> list[list[str]]:
    width = max(map(len, histories))
    padded = [[*history, *[""] * (width - len(history))] for history in histories]
    found = _served(version).run(history_item_ids=padded, **{"k": [K], **inputs})["item_ids"]
    return [[item.decode() for item in row if item] for row in found]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"filter_seen": [True]},
        {"exclude_item_ids": [["item-17", "item-3"]]},
        {"allow_item_ids": [[*WITHDRAWN, "item-4", "near 3"]]},
        {"allow_categories": [["odd"]]},
        {"allow_categories": [["odd"]], "allow_item_ids": [["item-1", "item-7"]]},
        {"diversity_weight": [1.0]},
    ],
    ids=["plain", "seen filtered", "excluded", "allowed", "of a category", "allowed of a category", "diverse"],
)
def test_no_answer_holds_a_withdrawn_item(serving: Path, export: str, inputs: dict[str, object]) -> None:
    answers = _answers(serving / export / "2", **inputs)
    assert all(answers) and not {item for row in answers for item in row} & set(WITHDRAWN)
    if "allow_item_ids" in inputs:
        assert {item for row in answers for item in row} <= {"item-4", "near 3", "item-7"}


@pytest.mark.parametrize("export", EXPORTS)
def test_otherwise_the_answers_are_those_of_the_first_version(serving: Path, export: str) -> None:
    """Withdrawn items still say what a user likes: without the new ones, the same lists come out."""
    before = _answers(serving / export / "1", HISTORIES[:3])
    after = _answers(serving / export / "2", HISTORIES[:3], exclude_item_ids=[["twin of 2", "near 3"]])
    for former, latter in zip(before, after, strict=True):
        expected = [item for item in former if item not in WITHDRAWN]
        assert latter[: len(expected)] == expected and len(latter) == K


@pytest.mark.parametrize("export", EXPORTS)
def test_a_new_item_ranks_beside_the_one_whose_vector_it_has(serving: Path, export: str) -> None:
    answers = _answers(serving / export / "2", [[item, "item-9"] for item in IDS[1:21]])
    places = [
        (answer.index(item), answer.index(new))
        for answer in answers
        for item, new in (("item-2", "twin of 2"), ("item-3", "near 3"))
        if item in answer[:-1]
    ]
    assert len(places) > 10 and all(abs(one - other) == 1 for one, other in places)


def test_new_users_get_the_popular_items_that_are_left(serving: Path) -> None:
    assert _answers(serving / "dimerec" / "2", [[], ["unheard-of"]], k=[3]) == [["item-2", "item-3", "item-4"]] * 2


@pytest.mark.parametrize("export", EXPORTS)
def test_the_record_says_what_changed_and_what_the_index_finds(serving: Path, export: str) -> None:
    config, facts = read_record(serving / export / "2")
    assert facts["refresh"] == {"of": str(serving / "dimerec" / "1"), "withdrawn": 3, "unknown": 1, "new": 2}
    assert (facts["items"], facts["withdrawn_items"]) == (NUM_ITEMS + 2, 3)
    assert config.export.max_k == K and (serving / export / "2" / WARMUP_FILE).exists()
    if export != "dimerec":
        recall = facts["index_recall"].pop("recall")
        assert facts["index_recall"] == {"k": K, "histories": 20}
        assert recall >= 1 - 1 / (20 * K)  # of item-2 and its twin either may be the last of a list


def test_changes_that_cannot_be_made_push_nothing(
    serving: Path, examples: standard_artifacts.Examples, tmp_path: Path
) -> None:
    (serving / "wrong.jsonl").write_text('{"item_id": "x", "cooccurring": ["nothing known"]}')
    with pytest.raises(DimeRecError, match="Nothing says where 'x' starts"):
        _refresh(serving, examples, "", "wrong.jsonl")
    assert sorted(entry.name for entry in (serving / "dimerec").iterdir()) == ["1", "2"]
    with pytest.raises(DimeRecError, match="holds no version to refresh"):
        _refresh(tmp_path, examples, "", "")
