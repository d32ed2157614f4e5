from pathlib import Path

from app.supervisor.logs import BoundedLog


def test_a_log_is_of_bounded_size(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "site.log", limit=1000)
    for number in range(1000):
        log.write(f"line {number}")
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"site.log", "site.log.1"}
    assert max(sizes.values()) <= 1000 + len("line 999\n")
    assert (tmp_path / "site.log").read_text().endswith("line 999\n")


def test_the_last_lines_are_at_hand(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "site.log")
    for number in range(100):
        log.write(f"line {number}")
    assert log.tail().splitlines() == [f"line {number}" for number in range(85, 100)]


def test_a_log_that_cannot_be_written_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "not there" / "site.log")
    log.write("lost")
    assert log.tail() == "lost"
