"""Fits and answers in threads and in forked children: the same bits as alone, and the caller's settings untouched."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from torch import nn

import punar
from punar.core import shared
from punar.core.draws import Dropout, Dropout2d, drawing_from, draws_by_itself, dropout, seeded
from punar.core.replay import captured
from punar.core.runtime import as_usual, count_work, threads
from punar.core.weights import at_most
from punar.networks.conv import Conv
from punar.networks.dense import Dense

RNG = np.random.default_rng(11)
Y = np.arange(48) % 2
SERIES = RNG.normal(size=(48, 26, 2)) + 0.4 * Y[:, None, None]
TABLE = RNG.normal(size=(150, 6))
PICTURES = RNG.random((48, 8, 8)).astype("float32")
TEXTS = [" ".join(RNG.choice(["sun", "rain", "wind", "snow", "fog"], 5)) for _ in range(48)]
CHEAP = {"random_state": 7, "evidence": "cheap", "epochs": 2}


def recurrent(X, **settings):
    return lambda: punar.SequenceModel(hidden_size=8, **CHEAP, **settings).fit(X, Y).predict_proba(X)


def coded(X, *parts):
    return lambda: punar.Autoencoder(*parts, latent_dim=3, **CHEAP).fit(X).transform(X)


def transferred(X, backbone="starter", **settings):
    whole = {"cache": False} | CHEAP | settings
    return lambda: punar.TransferLearner(backbone, **whole).fit(X, Y).predict_proba(X)


def forecaster():
    return punar.SequenceModel(task="forecasting", horizon=2, dropout=0.2, **CHEAP)


FITS = {
    "gru with branch": recurrent(SERIES),
    "lstm with dropout between layers": recurrent(SERIES, cell="lstm", num_layers=2, dropout=0.3, branch=None),
    "min_gru both ways": recurrent(SERIES, cell="min_gru", bidirectional=True, branch=None),
    "texts": recurrent(TEXTS, cell="rnn"),
    "forecast": lambda: (
        punar.SequenceModel(task="forecasting", horizon=2, dropout=0.2, **CHEAP).fit(SERIES[0]).predict()
    ),
    "denoising with dropout": coded(TABLE, "denoising", Dense(dropout=0.2)),
    "variational": coded(TABLE, "variational"),
    "sparse pictures with dropout": coded(PICTURES, "sparse", Conv(dropout=0.2)),
    "recurrent autoencoder": coded(SERIES, "reconstruction", "lstm"),
    "frozen": transferred(PICTURES),
    "fine-tuning with augmentation": transferred(PICTURES, strategy="fine_tuning"),
    "scratch": transferred(PICTURES, strategy="scratch", epochs=1),
    "texts fine-tuned, dropout of the library": transferred(TEXTS, "minilm", strategy="fine_tuning", epochs=1),
}


@pytest.mark.parametrize("name", FITS)
def test_fits_side_by_side_equal_one_alone_and_leave_every_generator_as_it_was(name):
    fit = FITS[name]
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    alone = fit()
    with ThreadPoolExecutor(3) as pool:
        found = [job.result() for job in [pool.submit(fit) for _ in range(3)]]
    assert all(np.array_equal(alone, other) for other in found)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


def test_a_caller_who_draws_meanwhile_gets_what_the_seed_promises():
    torch.manual_seed(5)
    own, wrong, over = torch.Generator().manual_seed(5), [], threading.Event()

    def draw():
        while not over.is_set():
            if not torch.equal(torch.rand(4), torch.rand(4, generator=own)):
                wrong.append(1)
            time.sleep(0.001)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        FITS["lstm with dropout between layers"]()
        FITS["denoising with dropout"]()
    finally:
        over.set()
        thread.join()
    assert not wrong


def test_a_failed_fit_leaves_generators_threads_and_default_type_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    with pytest.raises(punar.errors.TrainingDivergedError):
        punar.SequenceModel("gru", epochs=3, learning_rate=1e30, gradient_clip=None).fit(SERIES, Y)
    after = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_answers_in_threads_equal_answers_one_by_one_during_another_fit():
    models = [
        punar.SequenceModel(hidden_size=8, **CHEAP).fit(SERIES, Y).predict_proba,
        punar.Autoencoder(network="gru", **CHEAP).fit(SERIES).reconstruct,
        punar.TransferLearner(cache=False, random_state=0).fit(PICTURES, Y).predict_proba,
        punar.FeatureExtractor("starter", layer=0, cache=False).fit(PICTURES).transform,
    ]
    given = [SERIES, SERIES, PICTURES, PICTURES]
    jobs = [(model, X[i : i + 12]) for model, X in zip(models, given, strict=True) for i in range(0, 48, 12)] * 3
    alone = [model(X) for model, X in jobs]
    with ThreadPoolExecutor(6) as pool:
        fit = pool.submit(FITS["gru with branch"])
        found = list(pool.map(lambda job: job[0](job[1]), jobs))
        fit.result()
    assert all(np.array_equal(a, b) for a, b in zip(alone, found, strict=True))


# -- settings of the process ------------------------------------------------------------------------------------------


def test_the_callers_default_type_comes_back_only_when_the_last_fit_is_over():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        inside, leave, seen = threading.Event(), threading.Event(), []

        def other():
            with as_usual():
                inside.set()
                leave.wait(20)
                seen.append(torch.get_default_dtype())

        thread = threading.Thread(target=other)
        thread.start()
        inside.wait(20)
        with as_usual():
            pass
        leave.set()
        thread.join()
        assert seen == [torch.float32]
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(before)


def test_threads_that_began_in_anothers_block_are_given_the_usual_number():
    usual = torch.get_num_threads()
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as later:

        def inside():
            with threads(usual + 3):
                pass
            return torch.get_num_threads()

        with threads(usual + 2):
            assert pool.submit(inside).result() == usual
        assert torch.get_num_threads() == usual
        assert later.submit(torch.get_num_threads).result() == usual


def test_blocks_of_threads_nest():
    usual = torch.get_num_threads()
    with threads(usual + 1):
        with threads(usual + 2):
            assert torch.get_num_threads() == usual + 2
        assert torch.get_num_threads() == usual + 1
    assert torch.get_num_threads() == usual


# -- what is drawn, and by whom -------------------------------------------------------------------------------------


def drawn():
    """Numbers by every way that torch has of drawing them."""
    x = torch.ones(5, 6)
    layer = nn.LSTM(6, 4, 2, dropout=0.5)
    heads = torch.ones(1, 1, 3, 4)
    found = [
        torch.rand(3),
        torch.randn(3),
        torch.randint(9, (4,)),
        torch.randint(2, 9, (4,)),
        torch.randperm(7),
        torch.rand_like(x),
        torch.randn_like(x),
        torch.randint_like(x, 9),
        torch.bernoulli(x / 2),
        torch.multinomial(x, 2),
        torch.normal(x, 1.0),
        torch.poisson(x),
        torch.empty(4).exponential_(),
        nn.init.trunc_normal_(torch.empty(4, 4)),
        nn.init.orthogonal_(torch.empty(4, 4)),
        nn.functional.dropout(x, 0.5),
        nn.functional.dropout2d(x[None, :, :, None], 0.5),
        nn.functional.alpha_dropout(x, 0.5, training=True),
        nn.RReLU()(-x),
        layer(x[None])[0],
        nn.functional.scaled_dot_product_attention(heads, heads, heads, dropout_p=0.5),
        nn.functional.gumbel_softmax(x),
        *layer.parameters(),
    ]
    return [value.detach().clone() for value in found]


def test_what_is_redirected_is_what_the_global_generator_would_give():
    torch.manual_seed(21)
    usual = drawn()
    torch.manual_seed(4)
    before = torch.get_rng_state()
    with seeded(21):
        found = drawn()
    assert all(torch.equal(a, b) for a, b in zip(usual, found, strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_the_fused_dropout_is_redirected_too_with_its_gradient():
    x = torch.ones(400, requires_grad=True)
    before = torch.get_rng_state()
    with seeded(0):
        out, kept = torch.native_dropout(x, 0.25, True)
    with seeded(0):
        again = torch.native_dropout(x, 0.25, True)[0]
    out.sum().backward()
    assert torch.equal(out, again)
    assert torch.equal(x.grad, kept / 0.75)
    assert 0.6 < float(kept.float().mean()) < 0.9
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("layer", "like"), [(Dropout(0.4), nn.Dropout(0.4)), (Dropout2d(0.4), nn.Dropout2d(0.4))])
def test_our_layers_draw_what_torchs_would(layer, like):
    x = torch.randn(3, 8, 5, 5, generator=torch.Generator().manual_seed(0))
    with drawing_from(torch.Generator().manual_seed(2), layer):
        ours = layer(x)
    with drawing_from(torch.Generator().manual_seed(2), like):
        theirs = like(x)
    assert torch.equal(ours, theirs)
    assert bool((ours == 0).any())
    assert torch.equal(layer.eval()(x), x)


def test_layers_that_draw_by_themselves_are_known():
    class Own(nn.Module):
        pass

    assert not draws_by_itself(nn.Sequential(nn.Linear(2, 2), Dropout(0.5), nn.Dropout(0.0)))
    assert draws_by_itself(nn.Sequential(nn.Dropout(0.1)))
    assert draws_by_itself(nn.LSTM(2, 2, 2, dropout=0.1))
    assert draws_by_itself(nn.MultiheadAttention(4, 2, dropout=0.1))
    assert draws_by_itself(nn.Sequential(Own()))


def test_outside_a_fit_our_dropout_follows_the_callers_seed():
    x = torch.ones(50)
    torch.manual_seed(0)
    ours = dropout(x, 0.5)
    torch.manual_seed(0)
    assert torch.equal(ours, nn.functional.dropout(x, 0.5))


def test_a_cell_of_ones_own_that_draws_is_repeatable_in_threads():
    class Noisy(nn.Module):
        def __init__(self, width, size):
            super().__init__()
            self.map = nn.Linear(width, size)

        def forward(self, x):
            return torch.tanh(self.map(x)) + (0.1 * torch.randn(x.shape[0], 1, 1) if self.training else 0.0)

    def fit():
        net = nn.Sequential(Noisy(2, 4))
        with seeded(0):
            net[0].map.reset_parameters()
        generator = torch.Generator().manual_seed(3)
        with drawing_from(generator, net):
            return net(torch.ones(5, 6, 2)).detach()

    alone = fit()
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(alone, job.result()) for job in [pool.submit(fit) for _ in range(20)])


# -- one module, several threads ---------------------------------------------------------------------------------------


def test_counting_work_leaves_the_module_to_others():
    net = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    seen = []
    work = count_work(net, lambda twin: seen.append((twin(torch.ones(4, 3)), net.training, twin.training)))
    assert work == 4 * (15 + 10)
    assert seen[0][1:] == (True, False)
    assert not any(m._forward_hooks for m in net.modules())
    assert torch.equal(seen[0][0], net(torch.ones(4, 3)))


def test_capturing_is_blind_to_other_threads():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    x = torch.ones(3, 2)
    with ThreadPoolExecutor(1) as pool, captured(net, "1") as found:
        assert pool.submit(net, 5 * x).result().shape == (3, 1)  # runs to its end
        net(x)
    assert torch.equal(found["1"], net[1](net[0](x)))


def test_a_limit_on_parameters_is_its_threads_own():
    with ThreadPoolExecutor(1) as pool, at_most(2, "here"):
        assert pool.submit(nn.Linear, 3, 3).result() is not None
        nn.Linear(2, 2)
        with pytest.raises(punar.errors.DamagedModelError, match="here"):
            nn.Linear(2, 2)


# -- processes ---------------------------------------------------------------------------------------------------------

_MODELS: dict[str, object] = {}


def _answer(rows):
    return _MODELS["model"].predict_proba(SERIES[rows])


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_pool_of_forked_children_answers_after_a_fit():
    _MODELS["model"] = punar.SequenceModel("gru", hidden_size=8, **CHEAP).fit(SERIES, Y)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(_answer, [slice(0, 24), slice(24, 48)]).get(timeout=90)
    assert np.allclose(np.concatenate(found), _answer(slice(0, 48)), atol=1e-6)


@forks
def test_a_child_of_a_fit_on_several_threads_works_in_one_and_ends():
    code = (
        "import os, sys, time, signal, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np, torch, punar\n"
        "from punar.core import shared\n"
        "torch.set_num_threads(2)\n"
        "a = torch.randn(700, 700); a @ a; torch.nn.functional.relu(torch.randn(2000, 2000))\n"
        "X = np.random.default_rng(0).normal(size=(300, 40)); P = np.random.default_rng(0).random((24, 16, 16))\n"
        "with shared.threads(2): torch.nn.functional.relu(torch.randn(2000, 2000))\n"
        "ae = punar.Autoencoder(epochs=1, random_state=0, evidence='cheap').fit(X)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    assert torch.get_num_threads() == 1\n"
        "    torch.nn.functional.relu(torch.randn(2000, 2000))\n"
        "    with shared.threads(2): assert torch.get_num_threads() == 1\n"
        "    ae.transform(X); punar.FeatureExtractor('starter', cache=False).fit(P).transform(P)\n"
        "    punar.Autoencoder(epochs=1, random_state=0, evidence='cheap').fit(X); os._exit(7)\n"
        "end = time.time() + 120\n"
        "while time.time() < end:\n"
        "    done, status = os.waitpid(pid, os.WNOHANG)\n"
        "    if done: print('ended', os.waitstatus_to_exitcode(status)); break\n"
        "    time.sleep(0.2)\n"
        "else: os.kill(pid, signal.SIGKILL); print('hangs')\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=200)
    assert "ended 7" in done.stdout, done.stdout + done.stderr


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_in_the_middle_of_anothers_block_leaves_no_lock_held():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with shared.threads(1), shared.default_float32(), shared.one_blas_thread(), shared._lock:
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(20)
    pid = os.fork()
    if pid == 0:
        with shared.threads(2), as_usual(), shared.one_blas_thread():
            os._exit(3)
    try:
        for _ in range(300):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.1)
        else:
            os.kill(pid, signal.SIGKILL)
    finally:
        leave.set()
        thread.join()
    assert done
    assert os.waitstatus_to_exitcode(status) == 3


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_searches_on_several_jobs_find_what_one_job_finds(backend):
    def search(jobs):
        model = punar.Autoencoder(epochs=2, random_state=0, evidence="cheap")
        with joblib.parallel_backend(backend):
            return GridSearchCV(model, {"latent_dim": [1, 3]}, cv=2, n_jobs=jobs).fit(TABLE).cv_results_

    one, two = search(1), search(2)
    assert np.allclose(one["mean_test_score"], two["mean_test_score"], atol=0.0 if backend == "threading" else 1e-6)
