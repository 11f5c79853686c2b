"""Laws that hold whatever the numbers: grids of one, of one row, transposed; twice the tokens; equal work (derived)."""

import pytest

from hecasim import load_package, simulate
from hecasim.collectives import COLLECTIVES, transfers
from hecasim.parallel import METHODS
from hecasim.topologies import make
from tests.oracle.steps import (
    BLOCKS,
    PASSES,
    PS_PER_US,
    Widths,
    collective,
    collectives,
    counted,
    hecaton_bytes,
    layer_rows,
    one_layer,
    oracle,
    plan_of,
    replay_alone,
    trace_of,
)

LLAMAS = ("tinyllama-1.1b", "llama2-7b")
methods = pytest.mark.parametrize("method", METHODS)


def moved(method, model, rows, columns, batch, sequence, **options):
    """(block, pass) -> (bytes sent, bytes x hops)."""
    package = oracle(rows, columns)
    trace = trace_of(package, one_layer(model), plan_of(method, batch, sequence, **options))
    return {key: (sent, hops) for key, (sent, hops, _) in counted(package, trace).items()}


@methods
def test_one_die_exchanges_nothing(method):
    package, model = oracle(1, 1), one_layer("tinyllama-1.1b")
    result = simulate(package, model, plan_of(method, 1, 128))
    assert result["traffic"]["nop_bytes"]["collective"] == 0
    assert result["traffic"]["nop_link_bytes"] == 0
    assert result["breakdown"]["nop_s"] == 0
    work_ps = result["flops"]["model"] / 10
    assert work_ps <= result["step_time_ps"] <= work_ps + result["simulation"]["tasks"]  # rounded up per task


@pytest.mark.parametrize("model", LLAMAS)
@pytest.mark.parametrize("columns", [2, 8])
@pytest.mark.parametrize("regather", [True, False])
def test_hecaton_on_one_row_is_sequence_parallel_megatron(model, columns, regather):
    documents = []
    for method in ("hecaton", "megatron_sp"):
        result = simulate(oracle(1, columns), one_layer(model), plan_of(method, columns, 64, regather=regather))
        assert result["traffic"]["nop_bytes"]["collective"] > 0
        documents.append(result)
    one, other = documents
    assert one["traffic"]["nop_bytes"] == other["traffic"]["nop_bytes"]
    assert one["traffic"]["nop_link_bytes"] == other["traffic"]["nop_link_bytes"]
    assert one["flops"] == other["flops"]
    assert one["step_time_ps"] == other["step_time_ps"]


@pytest.mark.parametrize("dies", [4, 8])
def test_sequence_parallel_megatron_sends_ten_times_the_activation(dies):
    found = moved("megatron_sp", "llama2-7b", 1, dies, 2, 64)
    activation = 2 * 64 * 4096 * 2
    assert sum(sent for sent, _ in found.values()) == 10 * (dies - 1) * activation


@pytest.mark.parametrize("method", ["hecaton", "megatron", "megatron_sp", "megatron_torus"])
def test_twice_the_tokens_move_twice_the_bytes(method):
    one = moved(method, "llama2-7b", 4, 4, 4, 64)
    two = moved(method, "llama2-7b", 4, 4, 8, 64)
    assert {key: (2 * sent, 2 * hops) for key, (sent, hops) in one.items()} == two


def test_twice_the_tokens_move_twice_the_activations_of_optimus_but_the_same_weights():
    one, two, four = (moved("optimus", "llama2-7b", 4, 4, batch, 64) for batch in (4, 8, 16))
    for key in one:
        assert 2 * (two[key][0] - one[key][0]) == four[key][0] - two[key][0] > 0
        assert two[key][0] < 2 * one[key][0]


@pytest.mark.parametrize("phase", PASSES)
@pytest.mark.parametrize("block", BLOCKS)
def test_twice_the_tokens_leave_the_steps_unchanged(block, phase):
    # Doubled bytes at doubled rate: the time left is steps alone, so equal times mean equal steps.
    model = one_layer("llama2-7b")
    once = replay_alone(oracle(4, 8), trace_of(oracle(4, 8), model, plan_of("hecaton", 4, 64)), block, phase)
    fast = oracle(4, 8, link__bandwidth="64 GB/s")
    twice = replay_alone(fast, trace_of(fast, model, plan_of("hecaton", 8, 64)), block, phase)
    key = (0, phase, block)
    assert twice.layers[key].nop_bytes == 2 * once.layers[key].nop_bytes
    assert twice.layers[key].nop_ps == once.layers[key].nop_ps


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (4, 8), (1, 4)])
def test_transposing_the_grid_exchanges_rows_and_columns_and_keeps_the_coefficients(rows, columns):
    widths = Widths.of(one_layer("llama2-7b"))
    for grid in ((rows, columns), (columns, rows)):
        found = moved("hecaton", "llama2-7b", *grid, 8, 64)
        for key, units in hecaton_bytes(widths, *grid).items():
            assert found[key][0] == units * 8 * 64 * 2
    upright, across = (hecaton_bytes(widths, *grid) for grid in ((rows, columns), (columns, rows)))
    for key in upright:
        # What one step of a row and of a column moves: the same two coefficients, whichever way the grid lies.
        square, cubic = hecaton_bytes(widths, 2, 1)[key], hecaton_bytes(widths, 1, 2)[key]
        assert upright[key] == (rows - 1) * square + (columns - 1) * cubic
        assert across[key] == (columns - 1) * square + (rows - 1) * cubic


@pytest.mark.parametrize("method", ["megatron", "megatron_sp"])
@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (2, 8)])
def test_methods_on_the_flat_ring_take_the_same_time_on_a_transposed_grid(method, rows, columns):
    times = [
        layer_rows(oracle(*grid), one_layer("llama2-7b"), plan_of(method, 4, 64))["ffn", "forward"]["nop_ps"]
        for grid in ((rows, columns), (columns, rows))
    ]
    assert times[0] == times[1]


@pytest.mark.parametrize("kv", ["gather", "replicate"])
def test_all_methods_do_the_same_mathematics(kv):
    """Executed work is the model's own wherever nothing is computed in copies."""
    model = one_layer("llama2-7b")
    documents = [simulate(oracle(4, 4), model, plan_of(method, 4, 64, kv=kv)) for method in METHODS]
    assert len({document["flops"]["model"] for document in documents}) == 1
    for document in documents:
        assert document["flops"]["executed"] == document["flops"]["model"]
        assert document["flops"]["by_phase"]["backward"] == 2 * document["flops"]["by_phase"]["forward"]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("model", LLAMAS)
def test_weight_gradients_move_nothing_but_the_two_gathers_again(model, block):
    saved_again = {"attention": ("normed", "context"), "ffn": ("normed", "activated")}[block]
    package, widths = oracle(4, 4), Widths.of(one_layer(model))
    with_gathers, without = (
        counted(package, trace_of(package, one_layer(model), plan_of("hecaton", 4, 64, regather=regather)))
        for regather in (True, False)
    )
    more = with_gathers[block, "backward"][0] - without[block, "backward"][0]
    inner = widths.h if block == "attention" else widths.f
    assert more == (3 * widths.h + 3 * inner) * 4 * 64 * 2
    labels = set(with_gathers[block, "backward"][2]) - set(without[block, "backward"][2])
    assert labels == {f"all_gather {name}" for name in saved_again}
    assert with_gathers[block, "forward"] == without[block, "forward"]


def uses_per_step(topology, members, name, options):
    """(stage, step, directed link) -> transfers that cross it."""
    uses = {}
    for number, stage in enumerate(COLLECTIVES[name](topology, members, 48 * len(members), options)):
        for pattern in stage:
            for transfer in transfers(pattern):
                for link in topology.route(transfer.source_tile, transfer.target_tile):
                    key = (number, transfer.step, link)
                    uses[key] = uses.get(key, 0) + 1
    return uses


@pytest.mark.parametrize("name", ["ring.all_gather", "ring.reduce_scatter", "ring.all_reduce"])
@pytest.mark.parametrize("n", range(2, 17))
def test_no_directed_link_of_a_bypass_ring_carries_two_transfers_in_one_step(n, name):
    for rows, columns in ((1, n), (n, 1)):
        uses = uses_per_step(make("mesh", rows, columns), range(n), name, {})
        passes = 2 if name == "ring.all_reduce" else 1
        assert set(uses.values()) == {1}
        assert len(uses) == passes * (n - 1) * 2 * (n - 1)  # every directed link in every step


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 4), (8, 8), (5, 6)])
@pytest.mark.parametrize("ring", ["unidirectional", "bidirectional"])
def test_no_directed_link_of_a_flat_ring_carries_two_transfers_in_one_step(rows, columns, ring):
    uses = uses_per_step(make("mesh", rows, columns), range(rows * columns), "ring.all_reduce", {"ring": ring})
    assert set(uses.values()) == {1}


@pytest.mark.parametrize("method", ["hecaton", "megatron", "megatron_torus", "optimus"])
def test_link_bytes_are_the_bytes_sent_times_their_hops(method):
    """Sum over links = sum over transfers of bytes x hops, collective by collective."""
    package = oracle(4, 4)
    trace = trace_of(package, one_layer("llama2-7b"), plan_of(method, 4, 64))
    topology = make("mesh", 4, 4)

    def run(task):
        return collectives(package, task.algorithm, trace.groups[task.group], task.size_bytes)

    tasks = {
        (task.algorithm, task.group, task.size_bytes): task
        for kind in trace.kinds for task in kind.tasks if task.algorithm
    }  # fmt: skip
    assert tasks
    crossed = sum(sum(lane.bytes_carried for lane in run(task).lanes) for task in tasks.values())  # fmt: skip
    expected = sum(
        size * len(topology.route(*pair))
        for task in tasks.values()
        for members in trace.groups[task.group]
        for stage in COLLECTIVES[task.algorithm](topology, members, task.size_bytes, trace.options)
        for pattern in stage
        for pair, size in pattern.flows().items()
    )
    assert crossed == expected


@pytest.mark.parametrize("algorithm", ["ring.all_gather", "ring.reduce_scatter", "ring.all_reduce"])
def test_without_latency_time_is_the_bytes_on_the_busiest_link(algorithm):
    # A hop lasts a picosecond at least.
    package = load_package(oracle(1, 8), {"link.latency": "1 ps"})
    log = collective(package, algorithm, range(8), 8 * 3_200_000)
    busiest = max(lane.busy_ps for lane in log.lanes)
    assert busiest <= log.step_ps <= busiest + 2 * 14
    assert log.step_ps / PS_PER_US == pytest.approx(busiest / PS_PER_US, rel=1e-6)
