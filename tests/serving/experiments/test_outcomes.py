"""Clicks that lack a column are refused with the columns that there are."""

from pathlib import Path

import pandas as pd
import pytest

from dimerec_tf.errors import DimeRecError
from serving.experiments.exposures import read_outcomes


@pytest.mark.parametrize("name", ["clicks.csv", "clicks.parquet"])
def test_a_column_that_there_is_not(name: str, tmp_path: Path) -> None:
    clicks = pd.DataFrame({"user_ids": ["u1"], "item_id": ["i1"]})
    if name.endswith(".csv"):
        clicks.to_csv(tmp_path / name, index=False)
    else:
        clicks.to_parquet(tmp_path / name)
    with pytest.raises(DimeRecError) as refused:
        read_outcomes(tmp_path / name, "user_id")
    assert str(refused.value) == (
        f"{tmp_path / name} has no column 'user_id', only 'user_ids', 'item_id'. Did you mean 'user_ids'?"
    )


@pytest.mark.parametrize("name", ["clicks.csv", "clicks.parquet"])
def test_clicks_count_once(name: str, tmp_path: Path) -> None:
    clicks = pd.DataFrame({"item_id": ["i1", "i1"], "user_id": ["u1", "u1"], "more": ["x", "y"]})
    if name.endswith(".csv"):
        clicks.to_csv(tmp_path / name, index=False)
    else:
        clicks.to_parquet(tmp_path / name)
    assert read_outcomes(tmp_path / name, "user_id").to_dict("list") == {"unit": ["u1"], "item_id": ["i1"]}
