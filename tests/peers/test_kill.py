"""kill -9 at every step of an order that docs/recovery.md names, with two seeds each; tools/soak tries more.

    pytest tests/peers/test_kill.py       about a fifth of a second of a core for each of some hundred runs
"""
import collections

import pytest

import soak

SEEDS = 2
JOBS = 2


@pytest.fixture(scope="module")
def outcomes(build, tmp_path_factory):
    with soak.pool(JOBS, tmp_path_factory.mktemp("soak"), build) as pool:
        return pool.map(soak.work, [(*point, seed) for seed in range(SEEDS) for point in soak.points()], chunksize=1)


def test_the_page_has_every_step_of_the_core_as_the_program_has_it(build):
    core = soak.core_steps(build)[:-len(soak.page_steps("revocation"))]  # which test_revoke.py looks at
    assert soak.page_steps()[:len(core)] == core


def test_every_step_that_comes_is_on_the_page_and_every_one_of_the_page_comes(outcomes):
    assert set().union(*(outcome.reached for outcome in outcomes)) == {name for name, _ in soak.page_steps()}


def test_a_kill_at_any_step_loses_no_certificate_and_wastes_none(outcomes, say):
    assert all(outcome.kills for outcome in outcomes)
    assert [f"--step {o.step} --when {o.when} --seed {o.seed}: {fault}" for o in outcomes for fault in o.faults] == []
    sums = collections.Counter()
    for outcome in outcomes:
        sums.update(runs=1, kills=outcome.kills, abandoned=outcome.abandoned)
    slowest = max(outcome.slowest or 0 for outcome in outcomes) * 1000
    say(f"kill -9: {sums['runs']} runs, {sums['kills']} kills, {sums['abandoned']} orders abandoned, slowest chain after a "
        f"restart {slowest:.0f} ms")


def test_a_loss_is_noticed(build, tmp_path):
    """A database that forgot a chain behind the server's back: the run that should be clean is not."""
    stages = soak.Stages(tmp_path, soak.install(build, tmp_path / "installed"), build / soak.PROGRAM)
    try:
        run = soak.Run(stages, "answering", "at", 0)
        look = run._look_at_the_dead

        def forget():
            look()
            run.stage.server.sql("DELETE FROM certificate")
        run._look_at_the_dead = forget
        assert run.go().lost > 0
    finally:
        stages.close()
