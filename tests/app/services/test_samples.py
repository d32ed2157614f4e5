"""Samples by their ids."""

import pytest
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.services import samples
from tests import builders

MORE_THAN_A_STATEMENT_TAKES = range(10**9, 10**9 + 70_000)


def test_as_many_can_be_asked_for_as_a_frozen_list_may_hold(db: Session) -> None:
    sample = builders.sample(db)
    assert samples.found(db, [sample.id, *MORE_THAN_A_STATEMENT_TAKES]) == {sample.id: sample}


def test_the_first_that_are_absent_are_named(db: Session) -> None:
    sample = builders.sample(db)
    with pytest.raises(NotFound, match="1000000000, 1000000001"):
        samples.by_id(db, [*MORE_THAN_A_STATEMENT_TAKES, sample.id])


def test_a_frozen_list_names_both_samples_of_each_pair() -> None:
    assert samples.named_in([{"first": 1, "second": 2}, {"first": 2, "second": 3}]) == {1, 2, 3}
