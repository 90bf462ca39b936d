"""What holds for every test: no GPU, unless PUNAR_TEST_DEVICE=cuda asks for the tests that need one.

Answers are compared to the last bit, of fits, of saved models and of other batches: on the CPU they are equal.
"""

import os

if os.environ.get("PUNAR_TEST_DEVICE") != "cuda":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

# Processes of pytest-xdist share the cores: with a thread for each core in each of them they wait for one another.
processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if processes > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
