"""Files that are not as they should be are refused with the file, the row, and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.errors import BadInput
from app.models import Answer
from app.services import import_formats, import_pictures
from app.services.import_formats import PAPER, PICK_A_PIC, opened
from app.services.import_items import Fault, Item
from tests.importing import encoded, paper_folder, parquet_file, png, row


def refused(format_name: str, *paths: Path, scores: tuple[Path, ...] = ()) -> str:
    with pytest.raises(BadInput) as error:
        opened(format_name, paths, scores)
    return str(error.value)


@pytest.mark.parametrize("column", ["caption", "jpg_0", "jpg_1", "label_0"])
def test_a_column_that_is_missing_is_named_with_its_file(tmp_path: Path, column: str) -> None:
    said = refused(PICK_A_PIC, parquet_file(tmp_path / "train.parquet", [row(1)], without=[column]))
    assert f"train.parquet has no column {column}" in said
    assert "A Pick-a-Pic file has caption" in said


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("caption", 4, "int64, not text"),
        ("jpg_0", "text", "string, not encoded bytes"),
        ("label_0", "one", "string, not a number"),
        ("has_label", "yes", "string, not true or false"),
        ("created_at", "today", "string, not a time"),
    ],
)
def test_a_column_of_another_type_is_named(tmp_path: Path, column: str, value: object, found: str) -> None:
    said = refused(PICK_A_PIC, parquet_file(tmp_path / "train.parquet", [row(1, **{column: value})]))
    assert f"train.parquet: the column {column} holds {found}" in said


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"label_0": 0.7, "label_1": 0.3}, "label_0 is 0.7, not 0, 0.5 or 1"),
        ({"label_0": None}, "label_0 is None, not 0, 0.5 or 1"),
        ({"label_0": 1.0, "label_1": 1.0}, "label_0 is 1 and label_1 1, which do not make 1 together"),
        ({"caption": " "}, "it has no prompt"),
        ({"caption": None}, "it has no prompt"),
        ({"caption": "a\0b"}, "its prompt holds a NUL character"),
        ({"jpg_1": None}, "jpg_1 is empty"),
        ({"jpg_0": b""}, "jpg_0 is empty"),
    ],
)
def test_a_row_at_fault_is_named_by_its_number_in_its_file(tmp_path: Path, columns: dict[str, Any], what: str) -> None:
    good = parquet_file(tmp_path / "a.parquet", [row(1), row(2)])
    rows = [row(number) for number in range(5)] + [row(9, **columns)]
    found = list(opened(PICK_A_PIC, [good, parquet_file(tmp_path / "b.parquet", rows)]).items(0))
    assert [one for one in found if isinstance(one, Fault)] == [Fault("b.parquet, row 6", what)]


def test_a_file_that_is_no_parquet_or_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    assert "a.parquet cannot be read as Parquet" in refused(PICK_A_PIC, tmp_path / "a.parquet")
    assert "There is no file" in refused(PICK_A_PIC, tmp_path / "b.parquet")
    (tmp_path / "empty").mkdir()
    assert "There is no Parquet file" in refused(PICK_A_PIC, tmp_path / "empty")
    assert "Choose one of pick-a-pic, paper" in refused("hpd", tmp_path)


def test_only_what_diffusers_reads_is_needed_and_pictures_may_be_in_the_layout_of_datasets(tmp_path: Path) -> None:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            "caption": pa.array(["a cat"], pa.large_string()),
            "jpg_0": pa.array([{"bytes": png(1), "path": None}], struct),
            "jpg_1": pa.array([{"bytes": png(2), "path": "b.png"}], struct),
            "label_0": pa.array([0], pa.int64()),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    (item,) = opened(PICK_A_PIC, [tmp_path]).items(0)
    assert isinstance(item, Item)
    assert [source.data for source in item.pictures] == [png(1), png(2)]
    assert (item.said[0].answer, item.said[0].person, item.said[0].at) == (Answer.SECOND, "", None)


def test_times_to_the_nanosecond_are_cut_and_those_without_a_zone_are_utc(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row(1)])
    place = table.schema.get_field_index("created_at")
    nanoseconds = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))
    parquet.write_table(table.set_column(place, "created_at", nanoseconds), tmp_path / "a.parquet")
    (item,) = opened(PICK_A_PIC, [tmp_path / "a.parquet"]).items(0)
    assert isinstance(item, Item)
    assert str(item.said[0].at) == "2023-11-14 22:13:20.123456+00:00"


@pytest.mark.parametrize("after", [0, 1, 6, 7, 8, 12])
def test_rows_are_read_from_anywhere_on(tmp_path: Path, after: int) -> None:
    paths = [
        parquet_file(tmp_path / "a.parquet", [row(number) for number in range(7)], row_group=3),
        parquet_file(tmp_path / "b.parquet", [row(number) for number in range(7, 12)], row_group=2),
    ]
    reader = opened(PICK_A_PIC, paths)
    assert reader.groups == [f"prompt {number}" for number in range(12)]
    read = [item.group for item in reader.items(after) if isinstance(item, Item)]
    assert read == list(range(after, 12))


def test_large_files_are_read_in_little_memory(tmp_path: Path) -> None:
    noise = [bytes([number]) * 400_000 for number in range(8)]  # not decoded here; in pages of eight
    rows = (row(number, caption="a", jpg_0=noise[number % 8], jpg_1=noise[1]) for number in range(400))
    path = tmp_path / "a.parquet"
    table = pa.Table.from_pylist(list(rows))
    parquet.write_table(table, path, row_group_size=400, use_dictionary=False, write_batch_size=8)
    del table
    before = pa.total_allocated_bytes()
    largest = 0
    for _ in opened(PICK_A_PIC, [path]).items(0):
        largest = max(largest, pa.total_allocated_bytes() - before)
    assert largest < 100 << 20  # its one row group holds 320 MB


def change(name: str, value: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(value)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "prompt.json").unlink(), "prompt.json"),
        (change("prompt.json", "[1, 2]"), "prompt.json, prompt 1: it has no prompt (1)"),
        (change("prompt.json", "{}"), "prompt.json is no list of prompts"),
        (change("prompt.json", "[half"), "prompt.json cannot be read as JSON"),
        (change("prompt.json", '["a", "b"]'), "holds 9 pictures and prompt.json 2 prompts"),
        (lambda folder: (folder / "images" / "00008.png").unlink(), "holds 8 pictures and prompt.json 3 prompts"),
        (lambda folder: (folder / "images").rename(folder / "pictures"), "There is no folder"),
        (lambda folder: (folder / "scores" / "ada.json").unlink(), "There are no scores"),
        (change("scores/ada.json", "[[1, 0, -1], [1, 0, -1]]"), "ada.json is a list of 2, and prompt.json has 3"),
        (
            change("scores/ada.json", "[[1, 0, -1], [1, 0], [1, 0, -1]]"),
            "ada.json, prompt 2: 2 scores, and there are 3",
        ),
        (change("scores/ada.json", "[[1, 0, -1], 1, [1, 0, -1]]"), "ada.json, prompt 2: 1, and there are 3 pictures"),
        (change("scores/ada.json", "[[1, 0, -1], [1, 0, 2], [1, 0, -1]]"), "ada.json, prompt 2: a score is 2"),
        (change("scores/ada.json", "[[1, 0, -1], [1, true, 1], [1, 0, -1]]"), "ada.json, prompt 2: a score is True"),
    ],
)
def test_a_folder_of_the_paper_that_does_not_fit_together_is_refused(
    tmp_path: Path, break_it: Callable[[Path], object], said: str
) -> None:
    folder = paper_folder(tmp_path / "run")
    break_it(folder)
    assert said in refused(PAPER, folder)


def test_scores_may_lie_beside_or_elsewhere(tmp_path: Path) -> None:
    folder = paper_folder(tmp_path / "run", scores={"ada": [[1, 0, -1]] * 3})
    (folder / "scores").rename(tmp_path / "elsewhere")
    assert "There are no scores" in refused(PAPER, folder)
    reader = opened(PAPER, [folder], [tmp_path / "elsewhere"])
    items = [item for item in reader.items(2) if isinstance(item, Item)]
    assert [(said.first, said.second, said.answer.value) for said in items[0].said] == [
        (0, 1, "first"), (0, 2, "first"), (1, 2, "first"),
    ]  # fmt: skip
    (tmp_path / "elsewhere" / "ada.json").rename(folder / "ada.json")
    assert [path.name for path in opened(PAPER, [folder]).files()][-1] == "ada.json"


def test_what_is_named_in_the_data_folder_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "secret.parquet").write_bytes(b"")
    folder = tmp_path / "imports"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    parquet_file(folder / "a.parquet", [row(1)])
    paper_folder(folder / "run")
    for name in ("../secret.parquet", "link/secret.parquet", "", ".", "/etc", "none"):
        with pytest.raises(BadInput):
            import_formats.in_folder(tmp_path, name)
    assert import_formats.in_folder(tmp_path, "a.parquet") == folder.resolve() / "a.parquet"
    assert [(one.name, one.format) for one in import_formats.listed(tmp_path) if one.name != "link"] == [
        ("a.parquet", PICK_A_PIC), ("run", PAPER),
    ]  # fmt: skip


def test_a_plain_png_stays_to_the_byte_and_others_keep_their_pixels() -> None:
    assert import_pictures.coded(png(1)).png == png(1)
    webp = encoded(1, "WEBP")
    assert import_pictures.coded(webp).png.startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="smaller than 8 pixels"):
        import_pictures.check(png(1, 4 + 3))
    with pytest.raises(BadInput, match="can be decoded"):
        import_pictures.check(png(1)[:90])
