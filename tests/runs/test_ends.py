"""What becomes of a record whose processes are gone, by who is said to live."""

import msgspec
import pytest

from milepost.money.position import Position
from milepost.runs.ends import with_ends
from milepost.runs.record import Process, Run, RunEvent, RunRecord
from tests.helpers import START, ledger

HERE = "here"


def record(host: str = HERE, alive_for: float = 40.0) -> RunRecord:
    """A run under way since START, whose one process was last known to live after so many seconds."""
    book = ledger()
    at = Position(300, 30.0, START + 30, book.segments[0].id, 1)
    alive_at = START + alive_for
    process = Process(id="p", host=host, pid=7, birth="b", started_at=START, alive_at=alive_at, heartbeat_seconds=15.0)
    return RunRecord(
        run=Run(id="r", started_at=START, alive_at=START),
        processes=(process,),
        thresholds=(),
        results=(),
        crossings={},
        ledger=book.marked("heartbeat", at),
        opened_by={book.segments[0].id: "p"},
        curves=(),
        events=(),
    )


def test_who_lives_here_is_asked_of_the_system_and_left_alone() -> None:
    asked: list[Process] = []

    def lives(process: Process) -> bool:
        asked.append(process)
        return True

    left = record()
    assert with_ends(left, HERE, START + 99_999, lives) == left
    assert asked == list(left.processes)


def test_process_that_is_gone_ends_where_it_was_last_known_to_live() -> None:
    ended = with_ends(record(), HERE, START + 41, lambda process: False)
    mark = ended.ledger.segments[0].marks[-1]
    assert (mark.kind, mark.name, mark.wall_time, mark.elapsed_seconds, mark.samples) == (
        *("end", "interrupted", START + 40),
        *(30.0, 300),
    )
    assert (ended.run.status, ended.run.alive_at) == ("interrupted", START + 40)


def test_sign_of_life_before_the_last_mark_takes_nothing_away_from_it() -> None:
    ended = with_ends(record(alive_for=10.0), HERE, START + 41, lambda process: False)
    assert ended.ledger.segments[0].marks[-1].wall_time == START + 30


@pytest.mark.parametrize(("silent_seconds", "is_over"), [(44.0, False), (46.0, True), (-44.0, False), (-46.0, True)])
def test_process_of_another_machine_lives_for_three_heartbeats(silent_seconds: float, is_over: bool) -> None:
    """Whatever the system here says: the process isn't here."""
    ended = with_ends(record("there"), HERE, START + 40 + silent_seconds, lambda process: is_over)
    assert (ended.run.status == "interrupted") is is_over


def test_segment_that_was_to_be_taken_back_was_preempted() -> None:
    left = record()
    detail = {"notice": "terminate", "segment": left.ledger.segments[0].id}
    notice = RunEvent(id="e", kind="preemption", position=Position(0, 0.0, START), detail=detail)
    ended = with_ends(msgspec.structs.replace(left, events=(notice,)), HERE, START, lambda process: False)
    assert (ended.run.status, ended.ledger.segments[0].is_reclaimed) == ("preempted", True)


def test_process_that_said_it_ended_is_not_asked_about() -> None:
    left = record()
    told = msgspec.structs.replace(left, processes=(msgspec.structs.replace(left.processes[0], has_ended=True),))
    assert with_ends(told, HERE, START, lambda process: True).run.status == "interrupted"
